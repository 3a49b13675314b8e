// Editing of the contours that are shown: puts model, tools, keys, handles and buttons together.

import { makeActions } from "./actions.js";
import { Draft } from "./draft.js";
import { Edits } from "./edits.js";
import { Gestures, pan } from "./gestures.js";
import { Handles } from "./handles.js";
import { Keys } from "./keys.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";

const byId = (id) => document.getElementById(id);

export class Editor extends EventTarget {
  #stage;
  #svg;
  #contours;
  #outlines;
  #attempt;
  #edits;
  #draft = new Draft();
  #view;
  #actions;
  #handles;
  #keys;
  #waiting = false; // for a redraw
  #done = ""; // the last step, in words
  on = false;

  // Event "toggle": `on` has changed.
  constructor({ stage, sheet, svg, contours, outlines, attempt, say }) {
    super();
    this.#stage = stage;
    this.#svg = svg;
    this.#contours = contours;
    this.#outlines = outlines;
    this.#attempt = attempt;
    this.#edits = new Edits(contours);
    this.#view = new View(stage, sheet, svg, contours);
    const parts = { edits: this.#edits, draft: this.#draft, view: this.#view };
    const tools = new Tools(this.#edits, this.#draft, this.#view);
    const classIndex = () => Math.max(byId("class-name").selectedIndex, 0);
    this.#actions = makeActions({ ...parts, tools, classIndex });
    this.#handles = new Handles(svg, this.#edits, this.#draft, this.#view);
    const run = (name, ...values) => this.run(name, ...values);
    this.#keys = new Keys(svg, { ...parts, run, say, on: () => this.on });
    new Gestures(svg, this.#view, {
      press: (event) => (this.on ? tools.press(event) : pan(this.#view)),
      hover: (event) => { if (this.on) tools.hover(event); },
    });
    this.#edits.addEventListener("step", ({ detail }) => {
      this.#done = `${detail[0].toUpperCase()}${detail.slice(1)}.`;
      say(this.#done);
    });
    this.#listen();
  }

  // Whether there are changes that would be lost.
  get touched() { return this.#edits.touched; }

  forget() { this.#edits.touched = false; }

  fit() { this.#view.fit(); }

  turn(on) {
    this.on = on;
    this.#draft.use("select");
    this.#stage.classList.toggle("editing", on);
    byId("edit").setAttribute("aria-pressed", String(on));
    byId("tools").hidden = byId("keys").hidden = !on;
    this.#svg.setAttribute("role", on ? "application" : "group");
    if (on) this.#svg.setAttribute("tabindex", "0"); else this.#svg.removeAttribute("tabindex");
    if (!on) this.#edits.select([]);
    this.dispatchEvent(new Event("toggle"));
    this.#redraw();
  }

  run(name, ...values) {
    const { can, run } = this.#actions[name];
    if (!this.#contours.native || !can()) return;
    this.#attempt(async () => {
      this.#done = "";
      const said = await run(...values);
      this.#redraw();
      return said ?? this.#done;
    });
  }

  #listen() {
    for (const button of document.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => this.run(button.dataset.do));
    }
    byId("edit").addEventListener("click", () => this.turn(!this.on));
    byId("class-name").addEventListener("change", ({ target }) => this.run("class", target.selectedIndex));
    this.#draft.addEventListener("done", ({ detail }) => this.run("drafted", detail));
    for (const part of [this.#edits, this.#draft, this.#view, this.#contours]) {
      for (const event of ["select", "change"]) part.addEventListener(event, () => this.#redraw());
    }
  }

  // At most once a frame, however much has changed.
  #redraw() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#draw();
    });
  }

  #draw() {
    const { selected, only, chosen } = this.#edits;
    if (String(this.#outlines.options.selected ?? []) !== String(selected)) {
      this.#outlines.options.selected = selected;
      this.#outlines.draw();
    }
    const focused = document.activeElement === this.#svg;
    this.#handles.draw(this.on, focused ? this.#keys.current : null);
    this.#svg.classList.toggle("several", selected.length > 1);
    this.#svg.classList.toggle("drafting", this.#draft.tool !== "select");
    for (const button of document.querySelectorAll("[data-do]")) {
      const { can, pressed, shown } = this.#actions[button.dataset.do];
      button.disabled = !this.#contours.native || !can();
      if (shown) button.hidden = !shown();
      if (pressed) button.setAttribute("aria-pressed", String(pressed()));
    }
    this.#classes(only ?? chosen[0]);
  }

  #classes(shown) {
    const list = byId("class-name"), { classNames } = this.#contours;
    if (list.options.length !== classNames.length || classNames.some((name, i) => list.options[i].text !== name)) {
      list.replaceChildren(...classNames.map((name) => new Option(name)));
    }
    if (shown) list.selectedIndex = shown.class_index;
  }
}
