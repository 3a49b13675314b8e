// Steps that can be undone and done again. A state is anything that is never changed afterwards.

const MOST = 1000;

export class History {
  #states;
  #at = 0;
  #token = null;

  constructor(first) { this.#states = [{ state: first, label: "" }]; }

  get state() { return this.#states[this.#at].state; }

  get canUndo() { return this.#at > 0; }

  get canRedo() { return this.#at < this.#states.length - 1; }

  // Steps in a row with one token (not null) are one step.
  push(state, label, token = null) {
    if (token !== null && token === this.#token) this.#at -= 1;
    this.#token = token;
    this.#states.length = this.#at + 1;
    this.#states.push({ state, label });
    if (this.#states.length > MOST) this.#states.shift();
    this.#at = this.#states.length - 1;
  }

  // The label of the step that was undone; null where there is none.
  undo() {
    if (!this.canUndo) return null;
    this.#token = null;
    return this.#states[this.#at--].label;
  }

  redo() {
    if (!this.canRedo) return null;
    this.#token = null;
    return this.#states[++this.#at].label;
  }
}
