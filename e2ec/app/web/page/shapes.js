// Instances with one thing changed. What is given stays as it is: a list of instances from before
// is a step to go back to.

import { settle } from "./document.js";

// The rings of an instance: every part, each followed by its holes. "Ring 2" counts these.
export function rings(instance) {
  return instance.parts.flatMap((part, i) => [part, ...(instance.holes?.[i] ?? [])]);
}

// An instance like another, with other rings; null without any part.
export function withRings(instance, parts, holes = []) {
  if (!parts.length) return null;
  const { holes: _, ...rest } = instance;
  const made = { ...rest, parts, ...(holes.some((inner) => inner.length) ? { holes } : {}) };
  settle(made);
  return made;
}

// `ring` null takes the ring away, a part with its holes.
function withRing(instance, number, ring) {
  let next = 0;
  const change = (old) => (next++ === number ? ring : old);
  const components = instance.parts.map((part, i) => {
    const outer = change(part);
    return [outer, (instance.holes?.[i] ?? []).map(change).filter(Boolean)];
  }).filter(([outer]) => outer);
  return withRings(instance, components.map(([outer]) => outer), components.map(([, inner]) => inner));
}

export function moveVertex(instance, { ring, index }, point) {
  return withRing(instance, ring, rings(instance)[ring].with(index, point));
}

// Another vertex after one.
export function insertVertex(instance, { ring, index }, point) {
  return withRing(instance, ring, rings(instance)[ring].toSpliced(index + 1, 0, point));
}

// A ring of three points goes as a whole; null where nothing is left.
export function deleteVertex(instance, { ring, index }) {
  const points = rings(instance)[ring];
  return withRing(instance, ring, points.length > 3 ? points.toSpliced(index, 1) : null);
}

export function withClass(instance, index, names) {
  return { ...instance, class: names[index], class_index: index };
}

// One instance a part.
export function separated(instance) {
  return instance.parts.map((part, i) => withRings(instance, [part], [instance.holes?.[i] ?? []]));
}
