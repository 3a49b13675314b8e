// Zoom and pan of what is shown, and where a point of the window lies in the picture.

const MOST = 40;
const EDGE = 20; // pixels of the screen that a point is kept away from the edge

export class View extends EventTarget {
  #stage;
  #sheet;
  #svg;
  #contours;
  #x = 0;
  #y = 0;
  scale = 1;

  // Event "change". The sheet lies in the stage and is moved; the SVG lies over the picture in it.
  constructor(stage, sheet, svg, contours) {
    super();
    this.#stage = stage;
    this.#sheet = sheet;
    this.#svg = svg;
    this.#contours = contours;
    stage.addEventListener("wheel", (event) => {
      if (this.#svg.hasAttribute("hidden")) return;
      if (event.ctrlKey) this.zoom(Math.exp(-event.deltaY / 200), event.clientX, event.clientY);
      else if (this.scale > 1) this.pan(-event.deltaX, -event.deltaY);
      else return; // the page scrolls
      event.preventDefault();
    }, { passive: false });
    new ResizeObserver(() => this.#apply()).observe(stage);
  }

  // Pixels of the picture in one of the screen.
  get perPixel() { return this.#contours.width / (this.#svg.getBoundingClientRect().width || 1); }

  toPicture({ clientX, clientY }) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    return [
      ((clientX - left) / width) * this.#contours.width,
      ((clientY - top) / height) * this.#contours.height,
    ];
  }

  // The middle of what is seen, in pixels of the picture.
  get middle() {
    const { left, top, width, height } = this.#stage.getBoundingClientRect();
    return this.toPicture({ clientX: left + width / 2, clientY: top + height / 2 });
  }

  // Around a point of the window, or the middle.
  zoom(factor, clientX, clientY) {
    const { left, top, width, height } = this.#stage.getBoundingClientRect();
    const x = (clientX ?? left + width / 2) - left, y = (clientY ?? top + height / 2) - top;
    const scale = Math.max(1, Math.min(MOST, this.scale * factor));
    this.#x = x - ((x - this.#x) * scale) / this.scale;
    this.#y = y - ((y - this.#y) * scale) / this.scale;
    this.scale = scale;
    this.#apply();
  }

  pan(dx, dy) {
    this.#x += dx;
    this.#y += dy;
    this.#apply();
  }

  fit() {
    this.scale = 1;
    this.#apply();
  }

  // Pan until a point of the picture is seen.
  reveal(point) {
    const [x, y] = this.#toWindow(point), stage = this.#stage.getBoundingClientRect();
    const away = (at, from, length) => Math.max(from + EDGE - at, 0) + Math.min(from + length - EDGE - at, 0);
    this.pan(away(x, stage.left, stage.width), away(y, stage.top, stage.height));
  }

  centre(point) {
    const [x, y] = this.#toWindow(point), { left, top, width, height } = this.#stage.getBoundingClientRect();
    this.pan(left + width / 2 - x, top + height / 2 - y);
  }

  #toWindow([x, y]) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    return [left + (x / this.#contours.width) * width, top + (y / this.#contours.height) * height];
  }

  // The picture never leaves the stage.
  #apply() {
    const kept = (value, length) => Math.min(0, Math.max(length * (1 - this.scale), value));
    this.#x = kept(this.#x, this.#stage.clientWidth);
    this.#y = kept(this.#y, this.#stage.clientHeight);
    const { style } = this.#sheet;
    style.transform = this.scale > 1 ? `translate(${this.#x}px, ${this.#y}px) scale(${this.scale})` : "";
    style.setProperty("--zoom", this.scale);
    this.#stage.classList.toggle("zoomed", this.scale > 1);
    this.dispatchEvent(new Event("change"));
  }
}
