// Points that are being set for a new polygon or for a line that splits.

export class Draft extends EventTarget {
  tool = "select"; // "draw", "split"
  points = [];
  cursor = null; // where the next point would be

  // Events: "change"; "done" (detail: {tool, points}).
  use(tool) {
    this.tool = tool;
    this.#set([]);
  }

  get canFinish() { return this.points.length >= (this.tool === "draw" ? 3 : 2); }

  get started() { return this.points.length > 0; }

  aim(point) {
    this.cursor = point;
    this.#tell();
  }

  place(point) {
    this.#set([...this.points, point], point);
    if (this.tool === "split" && this.canFinish) this.finish();
  }

  back() { this.#set(this.points.slice(0, -1), this.cursor); }

  cancel() { this.#set([]); }

  finish() {
    const { tool, points } = this;
    this.#set([]);
    this.dispatchEvent(new CustomEvent("done", { detail: { tool, points } }));
  }

  #set(points, cursor = null) {
    this.points = points;
    this.cursor = cursor;
    this.#tell();
  }

  #tell() { this.dispatchEvent(new Event("change")); }
}
