// What one pointer does: choose and drag, draw a polygon, draw a line that splits.

import { KEY } from "./document.js";
import { contains, nearestEdge, nearestVertex } from "./geometry.js";
import { pan } from "./gestures.js";
import { insertVertex, moveVertex, rings } from "./shapes.js";

// How near is near enough, in pixels of the screen.
const REACH = { mouse: 8, pen: 10, touch: 20 };
const EDGE = 0.6; // of that

export class Tools {
  #edits;
  #draft;
  #view;
  several = false; // whether a click adds to what is selected

  constructor(edits, draft, view) {
    this.#edits = edits;
    this.#draft = draft;
    this.#view = view;
  }

  press(event) {
    if (this.#draft.tool === "draw") return this.#draw();
    return this.#draft.tool === "split" ? this.#split(event) : this.#choose(event);
  }

  hover(event) {
    if (this.#draft.tool !== "select") this.#draft.aim(this.#at(event));
  }

  #at(event) { return this.#edits.inside(this.#view.toPicture(event)); }

  #reach(event) { return (REACH[event.pointerType] ?? REACH.touch) * this.#view.perPixel; }

  #choose(event) {
    const several = this.several || event.shiftKey || event.ctrlKey || event.metaKey;
    const { only } = this.#edits;
    if (only && !several) {
      const point = this.#view.toPicture(event), reach = this.#reach(event);
      const vertex = nearestVertex(rings(only), point);
      if (vertex.distance <= reach) return this.#dragVertex(only, vertex, point);
      const edge = nearestEdge(rings(only), point);
      if (edge.distance <= reach * EDGE) return this.#dragEdge(only, edge, point);
    }
    return pan(this.#view, (end) => this.#pick(end, several));
  }

  #pick(event, several) {
    const found = this.#instanceAt(event);
    if (several && found) this.#edits.toggle(found[KEY]);
    else if (!several) this.#edits.select(found ? [found[KEY]] : []);
  }

  // The smallest one around a point; else one whose outline is near.
  #instanceAt(event) {
    const point = this.#view.toPicture(event), reach = this.#reach(event);
    const around = this.#edits.instances.filter((one) => contains(rings(one), point));
    if (around.length) return around.reduce((a, b) => (b.area < a.area ? b : a));
    let best = null, least = reach;
    for (const one of this.#edits.instances) {
      const [x0, y0, x1, y1] = one.box, [x, y] = point;
      if (x < x0 - reach || x > x1 + reach || y < y0 - reach || y > y1 + reach) continue;
      const { distance } = nearestEdge(rings(one), point);
      if (distance <= least) [best, least] = [one, distance];
    }
    return best;
  }

  #dragVertex(instance, { ring, index }, from) {
    const edits = this.#edits, vertex = { ring, index };
    const [x, y] = rings(instance)[ring][index];
    edits.select([instance[KEY]], vertex);
    return {
      move: (event) => {
        const [u, v] = this.#view.toPicture(event);
        edits.preview(moveVertex(instance, vertex, edits.inside([x + u - from[0], y + v - from[1]])));
      },
      end: (_, moved) => { if (moved) edits.keep("vertex moved"); },
      cancel: () => edits.revert(),
    };
  }

  // A new vertex on an edge, which can be dragged at once.
  #dragEdge(instance, { ring, index }, from) {
    const edits = this.#edits;
    const show = (point) => edits.preview(insertVertex(instance, { ring, index }, edits.inside(point)));
    show(from);
    edits.select([instance[KEY]], { ring, index: index + 1 });
    return {
      move: (event) => show(this.#view.toPicture(event)),
      end: () => edits.keep("vertex added"),
      cancel: () => {
        edits.select([instance[KEY]]);
        edits.revert();
      },
    };
  }

  // A point is set where the pointer is let go; at the first one it closes the polygon.
  #draw() {
    const draft = this.#draft;
    return {
      move: (event) => draft.aim(this.#at(event)),
      end: (event) => {
        const point = this.#at(event), [x, y] = draft.points[0] ?? [NaN, NaN];
        const closes = Math.hypot(point[0] - x, point[1] - y) <= this.#reach(event);
        if (draft.canFinish && closes) draft.finish(); else draft.place(point);
      },
      cancel: () => draft.aim(null),
    };
  }

  // From press to release, or from click to click.
  #split(event) {
    const draft = this.#draft, from = this.#at(event), first = !draft.started;
    if (first) draft.place(from);
    return {
      move: (moving) => draft.aim(this.#at(moving)),
      end: (end, moved) => { if (moved || !first) draft.place(this.#at(end)); },
      cancel: () => draft.cancel(),
    };
  }
}
