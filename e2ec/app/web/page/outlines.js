// Draws a ContoursDocument as SVG, in pixels of its image: one group an instance, one path in it.

import { instanceColor } from "./colors.js";
import { KEY } from "./document.js";
import { rings } from "./shapes.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_LABELS = 50; // more would hide the objects, as in pictures that the program draws

export function element(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function caption(instance) {
  const track = instance.track_id >= 0 ? `#${instance.track_id} ` : "";
  return `${track}${instance.class} ${instance.score.toFixed(2)}`;
}

const ringPath = (ring) => `M${ring.map(([x, y]) => `${x} ${y}`).join("L")}Z`;

export class Outlines {
  #svg;
  #layer = element("g");
  #contours;

  // options: {fill: 0..1, vertices: bool, labels: bool, selected: keys}; call `draw` after changing
  // them.
  constructor(svg, contours, options) {
    this.#svg = svg;
    svg.append(this.#layer);
    this.#contours = contours;
    this.options = options;
    contours.addEventListener("change", () => this.draw());
  }

  draw() {
    const { width, height, instances } = this.#contours;
    this.#svg.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
    // Large ones first, so that small ones stay visible.
    const order = instances.map((_, i) => i).sort((a, b) => instances[b].area - instances[a].area);
    const labels = this.options.labels && instances.length <= MOST_LABELS;
    this.#layer.replaceChildren(...order.map((i) => this.#group(instances[i], i)));
    if (labels) this.#layer.append(...order.map((i) => this.#label(instances[i])));
  }

  // The group of an instance has data-index.
  #group(instance, index) {
    const tint = instanceColor(instance, instance[KEY]); // it stays while others come and go
    const chosen = this.options.selected?.includes(instance[KEY]);
    const group = element("g", { class: chosen ? "instance selected" : "instance", "data-index": index });
    const title = element("title");
    title.textContent = caption(instance);
    const all = rings(instance);
    const path = element("path", {
      d: all.map(ringPath).join(""), fill: tint, "fill-opacity": this.options.fill,
      "fill-rule": "evenodd", stroke: tint,
    });
    group.append(title, path);
    if (this.options.vertices) {
      // A line of no length with round ends: a dot whose size does not follow the picture's.
      const dots = all.flat().map(([x, y]) => `M${x} ${y}h0`).join("");
      group.append(element("path", { class: "vertex", d: dots, stroke: tint, fill: "none" }));
    }
    return group;
  }

  #label(instance) {
    const size = Math.max(this.#contours.width, this.#contours.height) / 60;
    const [left, top, right] = instance.box;
    // A label that begins far to the right would leave the picture.
    const turned = left > 0.7 * this.#contours.width;
    const text = element("text", {
      x: turned ? Math.min(right, this.#contours.width) : Math.max(left, 0),
      y: Math.max(top - size / 4, size), "font-size": size,
      "text-anchor": turned ? "end" : "start",
    });
    text.textContent = caption(instance);
    return text;
  }
}
