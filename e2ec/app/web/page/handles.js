// Draws what is being edited over the contours: vertices of the selection, a draft, the keyboard's place.

import { meanEdge } from "./geometry.js";
import { element } from "./outlines.js";
import { rings } from "./shapes.js";

const DENSE_PX = 9; // vertices nearer to each other are drawn smaller

const dots = (points) => points.map(([x, y]) => `M${x} ${y}h0`).join("");

export class Handles {
  #layer = element("g", { class: "handles" });
  #edits;
  #draft;
  #view;

  constructor(svg, edits, draft, view) {
    svg.append(this.#layer);
    this.#edits = edits;
    this.#draft = draft;
    this.#view = view;
  }

  // `current`: the instance that the keyboard is at, or null.
  draw(on, current) {
    const parts = on ? [...this.#selection(), ...this.#drafted(), ...this.#place(current)] : [];
    this.#layer.replaceChildren(...parts);
  }

  #selection() {
    const { only, vertex } = this.#edits;
    if (!only) return [];
    const all = rings(only);
    const dense = Math.min(...all.map(meanEdge)) / this.#view.perPixel < DENSE_PX;
    const parts = [element("path", { class: dense ? "points dense" : "points", d: dots(all.flat()) })];
    if (vertex) {
      const [point] = [all[vertex.ring][vertex.index]];
      parts.push(element("path", { class: "ring", d: dots([point]) }), element("path", { class: "chosen", d: dots([point]) }));
    }
    return parts;
  }

  #drafted() {
    const { points, cursor, tool } = this.#draft;
    if (tool === "select") return [];
    const line = cursor ? [...points, cursor] : points;
    const parts = [];
    if (line.length > 1) {
      parts.push(element("path", { class: "draft", d: `M${line.map((point) => point.join(" ")).join("L")}` }));
    }
    parts.push(element("path", { class: "points", d: dots(points) }));
    if (cursor) parts.push(element("path", { class: "cursor", d: cross(cursor, 9 * this.#view.perPixel) }));
    return parts;
  }

  #place(current) {
    if (!current || this.#edits.only === current || this.#draft.tool !== "select") return [];
    const [x0, y0, x1, y1] = current.box;
    return [element("rect", { class: "place", x: x0, y: y0, width: x1 - x0, height: y1 - y0 })];
  }
}

const cross = ([x, y], arm) => `M${x - arm} ${y}H${x + arm}M${x} ${y - arm}V${y + arm}`;
