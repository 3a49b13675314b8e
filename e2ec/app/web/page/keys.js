// The keyboard on the contours: arrows choose an object, Enter goes to its vertices, and so on.

import { KEY } from "./document.js";
import { rings } from "./shapes.js";

const LARGE = 10; // pixels of the picture, with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOMS = { "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", 0: "fit" };

export class Keys {
  #edits;
  #draft;
  #view;
  #run;
  #say;
  #at = null; // key of the instance that the arrows have come to

  constructor(svg, { edits, draft, view, run, say, on }) {
    this.#edits = edits;
    this.#draft = draft;
    this.#view = view;
    this.#run = run;
    this.#say = say;
    const take = (handle) => (event) => {
      if (on() && handle(event)) event.preventDefault();
    };
    svg.addEventListener("keydown", take((event) => this.#press(event)));
    document.addEventListener("keydown", take((event) => this.#everywhere(event)));
    edits.addEventListener("select", () => { this.#at = edits.selected.at(-1) ?? this.#at; });
  }

  get current() { return this.#edits.instances.find((one) => one[KEY] === this.#at) ?? null; }

  #everywhere(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return false;
    const key = event.key.toLowerCase();
    if (key === "z") this.#run(event.shiftKey ? "redo" : "undo");
    else if (key === "y") this.#run("redo");
    else return false;
    return true;
  }

  #press(event) {
    if (event.altKey || event.metaKey) return false;
    if (!event.ctrlKey && event.key in ZOOMS) this.#run(ZOOMS[event.key]);
    else if (this.#draft.tool !== "select") return this.#drafting(event);
    else if (this.#edits.vertex) return this.#vertex(event);
    else return this.#object(event);
    return true;
  }

  #object(event) {
    const edits = this.#edits;
    if (event.key in ARROWS) this.#walk(event);
    else if (event.key === " ") this.#toggle();
    else if (event.key === "Enter" && edits.only) this.#choose({ ring: 0, index: 0 });
    else if (event.key === "Delete" || event.key === "Backspace") this.#run("delete");
    else if (event.key === "Escape" && edits.selected.length) edits.select([]);
    else if (event.key === "n") this.#run("draw");
    else if (event.key === "s") this.#run("split");
    else if (event.key === "m") this.#run("merge");
    else return false;
    return true;
  }

  // Plain: selects the next; Shift: selects it too; Ctrl: only goes there, for the space bar.
  #walk(event) {
    const edits = this.#edits, all = edits.instances;
    if (!all.length) return;
    const [dx, dy] = ARROWS[event.key];
    const at = all.findIndex((one) => one[KEY] === this.#at);
    const next = at < 0 ? 0 : (at + dx + dy + all.length) % all.length;
    const key = this.#at = all[next][KEY];
    if (event.ctrlKey) edits.select(edits.selected);
    else if (event.shiftKey) edits.select([...edits.selected.filter((one) => one !== key), key]);
    else edits.select([key]);
    this.#at = key;
    this.#tell();
  }

  #toggle() {
    if (!this.current) return;
    const key = this.#at;
    this.#edits.toggle(key);
    this.#at = key;
    this.#tell();
  }

  #tell() {
    const { instances, selected } = this.#edits, { current } = this;
    const where = `${current.class}, ${instances.indexOf(current) + 1} of ${instances.length}`;
    const [x0, y0, x1, y1] = current.box;
    this.#view.reveal([(x0 + x1) / 2, (y0 + y1) / 2]);
    this.#say(`${where}${selected.includes(this.#at) ? `; ${selected.length} selected` : ", not selected"}.`);
  }

  #vertex(event) {
    const edits = this.#edits;
    if (event.key in ARROWS) this.#move(event);
    else if (event.key === "Tab") this.#next(event.shiftKey ? -1 : 1);
    else if (event.key === "Delete" || event.key === "Backspace") this.#run("delete-vertex");
    else if (event.key === "Insert" || event.key === "a") this.#run("add-vertex");
    else if (event.key === "Escape") edits.select(edits.selected);
    else return false;
    return true;
  }

  #move(event) {
    const edits = this.#edits, { ring, index } = edits.vertex;
    const step = event.shiftKey ? LARGE : 1;
    const [dx, dy] = ARROWS[event.key], [x, y] = rings(edits.only)[ring][index];
    // A key that is held is one step back.
    if (!event.repeat) this.#held = {};
    edits.moveVertex([x + dx * step, y + dy * step], this.#held);
    this.#choose(edits.vertex);
  }

  #held = {};

  #next(by) {
    const { only, vertex } = this.#edits;
    const places = rings(only).flatMap((points, ring) => points.map((_, index) => ({ ring, index })));
    const at = places.findIndex(({ ring, index }) => ring === vertex.ring && index === vertex.index);
    this.#choose(places.at((at + by) % places.length));
  }

  #choose(vertex) {
    const edits = this.#edits;
    edits.select(edits.selected, vertex);
    const points = rings(edits.only)[vertex.ring], point = points[vertex.index];
    this.#view.reveal(point);
    this.#say(`Vertex ${vertex.index + 1} of ${points.length}, at ${point.map((value) => value.toFixed(1)).join(", ")}.`);
  }

  get #middle() { return this.#edits.inside(this.#view.middle.map(Math.round)); }

  #drafting(event) {
    const draft = this.#draft;
    if (event.key in ARROWS) {
      const [dx, dy] = ARROWS[event.key], step = event.shiftKey ? LARGE : 1;
      const [x, y] = draft.cursor ?? this.#middle;
      draft.aim(this.#edits.inside([x + dx * step, y + dy * step]));
      this.#view.reveal(draft.cursor);
      this.#say(`At ${draft.cursor.join(", ")}; ${draft.points.length} points set.`);
    } else if (event.key === " ") draft.place(draft.cursor ?? this.#middle);
    else if (event.key === "Enter" && draft.canFinish) draft.finish();
    else if (event.key === "Backspace" && draft.started) draft.back();
    else if (event.key === "Escape") { if (draft.started) draft.cancel(); else this.#run("select"); }
    else return false;
    return true;
  }
}
