// The model of editing: what is selected, and every change of a ContoursDocument with its way back.
// It knows nothing of the screen.

import { KEY } from "./document.js";
import { History } from "./history.js";
import {
  deleteVertex, insertVertex, moveVertex, rings, separated, withClass, withRings,
} from "./shapes.js";

export class Edits extends EventTarget {
  #contours;
  #image = null;
  #histories = new WeakMap(); // by image, so that every frame of a video has its own
  selected = []; // keys, the first chosen first
  vertex = null; // {ring, index} in the one instance that is selected
  touched = false; // whether something has been changed that a new prediction would replace

  // Events: "select" (other things are selected), "step" (detail: what was done). The document tells
  // of every change.
  constructor(contours) {
    super();
    this.#contours = contours;
    contours.addEventListener("change", () => {
      if (contours.image === this.#image) return;
      const image = this.#image = contours.image;
      if (image && !this.#histories.has(image)) this.#histories.set(image, new History(image.instances));
      this.select([]);
    });
  }

  get instances() { return this.#contours.instances; }

  get #history() { return this.#histories.get(this.#image); }

  get canUndo() { return this.#image !== null && this.#history.canUndo; }

  get canRedo() { return this.#image !== null && this.#history.canRedo; }

  get chosen() {
    const byKey = new Map(this.instances.map((one) => [one[KEY], one]));
    return this.selected.map((key) => byKey.get(key));
  }

  // The one instance that is selected, or null.
  get only() { return this.selected.length === 1 ? this.chosen[0] : null; }

  // A point where the selection is, or null.
  get place() {
    if (this.vertex) return rings(this.only)[this.vertex.ring][this.vertex.index];
    if (!this.selected.length) return null;
    const [x0, y0, x1, y1] = this.chosen.at(-1).box;
    return [(x0 + x1) / 2, (y0 + y1) / 2];
  }

  select(keys, vertex = null) {
    this.selected = keys;
    this.vertex = vertex;
    this.dispatchEvent(new Event("select"));
  }

  toggle(key) {
    const others = this.selected.filter((one) => one !== key);
    this.select(others.length < this.selected.length ? others : [...others, key]);
  }

  // A point inside of the picture, with the digits that files have.
  inside([x, y]) {
    const { width, height } = this.#contours;
    const kept = (value, most) => Math.round(Math.max(0, Math.min(most, value)) * 100) / 100;
    return [kept(x, width), kept(y, height)];
  }

  // While something is dragged: shown, and no step yet.
  preview(instance) {
    this.#contours.put(this.instances.map((one) => (one[KEY] === instance[KEY] ? instance : one)));
  }

  // What was previewed becomes a step, or is taken back.
  keep(label) { this.#push(this.instances, label); }

  revert() { this.#contours.put(this.#history.state); }

  moveVertex(point, token = null) {
    const moved = moveVertex(this.only, this.vertex, this.inside(point));
    this.#exchange([this.only], [moved], "vertex moved", token);
  }

  insertVertex(place, point) {
    const made = insertVertex(this.only, place, this.inside(point));
    this.vertex = { ring: place.ring, index: place.index + 1 };
    this.#exchange([this.only], [made], "vertex added");
  }

  deleteVertex() {
    const { only, vertex } = this;
    const made = deleteVertex(only, vertex);
    const points = made && rings(made).length === rings(only).length ? rings(made)[vertex.ring] : null;
    this.vertex = points ? { ring: vertex.ring, index: vertex.index % points.length } : null;
    if (!made) this.selected = [];
    this.#exchange([only], made ? [made] : [], "vertex deleted");
  }

  deleteChosen() {
    const gone = this.chosen;
    this.selected = [];
    this.vertex = null;
    this.#exchange(gone, [], gone.length > 1 ? `${gone.length} objects deleted` : "object deleted");
  }

  // A new instance; a person is sure of it, so its score is 1.
  add(points, classIndex) {
    const blank = { class: "", class_index: 0, score: 1, ...this.#untracked, [KEY]: this.#contours.newKey() };
    const shape = withRings(blank, [points.map((point) => this.inside(point))]);
    const made = withClass(shape, classIndex, this.#contours.classNames);
    this.selected = [made[KEY]];
    this.vertex = null;
    this.#exchange([], [made], "object added");
  }

  setClass(index) {
    const made = this.chosen.map((one) => withClass(one, index, this.#contours.classNames));
    this.#exchange(this.chosen, made, "class changed");
  }

  separate() { this.replace([this.only], separated(this.only), "parts separated"); }

  // Some instances give way to others, which are selected then. The first keeps key and place.
  replace(old, shapes, label) {
    const made = shapes.map(({ parts, holes }, i) => ({
      ...withRings(old[0], parts, holes),
      ...(i ? { ...this.#untracked, [KEY]: this.#contours.newKey() } : {}),
    }));
    this.selected = made.map((one) => one[KEY]);
    this.vertex = null;
    this.#exchange(old, made, label);
  }

  // Among instances with tracks, a new one has none.
  get #untracked() { return this.instances.some((one) => "track_id" in one) ? { track_id: -1 } : {}; }

  // The native document of some instances only.
  documentOf(instances) {
    const { native, image } = this.#contours;
    const { frame: _, time_s: __, ...rest } = native;
    return { ...rest, images: [{ ...image, instances }] };
  }

  undo() { return this.#travel((history) => history.undo()); }

  redo() { return this.#travel((history) => history.redo()); }

  #travel(go) {
    const before = new Set(this.instances);
    const label = go(this.#history);
    if (label === null) return null;
    const { state } = this.#history;
    const keys = new Set(state.map((one) => one[KEY]));
    this.selected = this.selected.filter((key) => keys.has(key));
    if (!this.selected.length) this.selected = state.filter((one) => !before.has(one)).map((one) => one[KEY]);
    this.#contours.put(state);
    const points = this.vertex && this.only && rings(this.only)[this.vertex.ring];
    this.select(this.selected, points && this.vertex.index < points.length ? this.vertex : null);
    return label;
  }

  #exchange(old, made, label, token = null) {
    const place = old.length ? this.instances.indexOf(old[0]) : this.instances.length;
    // Each stands where the old one of its key was, so that a step back and forth moves nothing.
    const byKey = new Map(made.map((one) => [one[KEY], one]));
    const next = this.instances.flatMap((one) => {
      if (!old.includes(one)) return [one];
      const same = byKey.get(one[KEY]);
      byKey.delete(one[KEY]);
      return same ? [same] : [];
    });
    next.splice(place + 1, 0, ...byKey.values());
    this.#contours.put(next);
    this.#push(next, label, token);
  }

  #push(instances, label, token = null) {
    this.#history.push(instances, label, token);
    this.touched = true;
    this.dispatchEvent(new CustomEvent("step", { detail: label }));
    this.dispatchEvent(new Event("select"));
  }
}
