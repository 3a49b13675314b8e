// Mouse, finger and pen on the contours: one pointer does what the tool says, two zoom and pan.

const MOVED_PX = 4; // less is a click

export class Gestures {
  #view;
  #pointers = new Map();
  #gesture = null;
  #pinch = null;

  // press(event) -> {move(event)?, end?(event, moved), cancel?()}; hover(event).
  constructor(svg, view, { press, hover }) {
    this.#view = view;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button > 1) return;
      svg.setPointerCapture(event.pointerId);
      svg.focus({ preventScroll: true });
      this.#pointers.set(event.pointerId, event);
      if (this.#pointers.size === 1) this.#begin(event, event.button ? pan(view) : press(event));
      else this.#beginPinch();
    });
    svg.addEventListener("pointermove", (event) => {
      if (this.#pointers.has(event.pointerId)) this.#move(event); else hover(event);
    });
    svg.addEventListener("pointerup", (event) => this.#end(event, false));
    for (const lost of ["pointercancel", "lostpointercapture"]) {
      svg.addEventListener(lost, (event) => this.#end(event, true));
    }
  }

  #begin(event, handlers) {
    this.#gesture = { ...handlers, x: event.clientX, y: event.clientY, moved: false };
  }

  #beginPinch() {
    this.#gesture?.cancel?.();
    this.#gesture = null;
    this.#pinch = this.#spread();
  }

  #move(event) {
    this.#pointers.set(event.pointerId, event);
    const gesture = this.#gesture;
    if (this.#pinch && this.#pointers.size === 2) {
      const now = this.#spread(), before = this.#pinch;
      this.#view.pan(now.x - before.x, now.y - before.y);
      this.#view.zoom(now.length / before.length, now.x, now.y);
      this.#pinch = now;
    } else if (gesture) {
      gesture.moved ||= Math.hypot(event.clientX - gesture.x, event.clientY - gesture.y) > MOVED_PX;
      if (gesture.moved) gesture.move?.(event);
    }
  }

  #end(event, cancelled) {
    if (!this.#pointers.delete(event.pointerId)) return;
    const gesture = this.#gesture;
    this.#gesture = null;
    if (this.#pointers.size < 2) this.#pinch = null;
    if (cancelled) gesture?.cancel?.(); else gesture?.end?.(event, gesture.moved);
  }

  #spread() {
    const [a, b] = [...this.#pointers.values()];
    return {
      x: (a.clientX + b.clientX) / 2,
      y: (a.clientY + b.clientY) / 2,
      length: Math.max(Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), 1),
    };
  }
}

// Drags the picture; `click` is what happens without a move.
export function pan(view, click) {
  let last = null;
  return {
    move(event) {
      if (last) view.pan(event.clientX - last.clientX, event.clientY - last.clientY);
      last = event;
    },
    end(event, moved) { if (!moved) click?.(event); },
  };
}
