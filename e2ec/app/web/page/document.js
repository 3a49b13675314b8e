// The contours that are shown: a native document of one image, and who wants to know of changes.
// Whoever edits puts other `instances` and calls `changed()`; views draw what they find.

// What an instance is known by while it changes; symbols stay out of the JSON.
export const KEY = Symbol("key");

export class ContoursDocument extends EventTarget {
  #native = null;

  // The whole native document (docs/contours.md), or null.
  get native() { return this.#native; }

  get image() { return this.#native ? this.#native.images[0] : null; }

  get width() { return this.image ? this.image.width : 0; }

  get height() { return this.image ? this.image.height : 0; }

  // [{class, class_index, score, box, area, parts, holes?, counts?}]; see `settle` after a change.
  get instances() { return this.image ? this.image.instances : []; }

  get classNames() { return this.#native ? this.#native.class_names : []; }

  load(native) {
    this.#native = native;
    if (native && !(KEY in this.image)) {
      this.image[KEY] = 0;
      for (const instance of this.instances) instance[KEY] = this.newKey();
    }
    this.changed();
  }

  newKey() { return this.image[KEY]++; }

  put(instances) {
    this.image.instances = instances;
    this.changed();
  }

  changed() { this.dispatchEvent(new Event("change")); }

  toJSON() { return this.#native; }
}

// Box and area follow from the rings; a mask's run lengths do not survive a change of its rings.
export function settle(instance) {
  const points = instance.parts.flat();
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  const least = (values) => values.reduce((a, b) => Math.min(a, b));
  const most = (values) => values.reduce((a, b) => Math.max(a, b));
  instance.box = [least(xs), least(ys), most(xs), most(ys)];
  const sum = (rings) => rings.reduce((total, ring) => total + ringArea(ring), 0);
  const area = sum(instance.parts) - sum((instance.holes ?? []).flat());
  instance.area = Math.round(area * 100) / 100; // with the digits that files have
  delete instance.counts;
}

export function ringArea(ring) {
  let twice = 0;
  for (let i = 0; i < ring.length; i++) {
    const [x, y] = ring[i], [u, v] = ring[(i + 1) % ring.length];
    twice += x * v - u * y;
  }
  return Math.abs(twice) / 2;
}
