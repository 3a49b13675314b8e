// Where a point lies to rings of points. All lengths are in pixels of the picture.

const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);

// {ring, index, distance} of the nearest vertex.
export function nearestVertex(rings, point) {
  let best = { distance: Infinity };
  rings.forEach((points, ring) => points.forEach((other, index) => {
    const away = distance(point, other);
    if (away < best.distance) best = { ring, index, distance: away };
  }));
  return best;
}

// {ring, index, distance} of the nearest edge, which runs from vertex `index` to the next.
export function nearestEdge(rings, point) {
  let best = { distance: Infinity };
  rings.forEach((points, ring) => points.forEach((from, index) => {
    const away = distance(point, nearestOn(from, points[(index + 1) % points.length], point));
    if (away < best.distance) best = { ring, index, distance: away };
  }));
  return best;
}

function nearestOn([x0, y0], [x1, y1], [x, y]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const along = length ? Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / length)) : 0;
  return [x0 + along * dx, y0 + along * dy];
}

// Inside of an odd number of rings.
export function contains(rings, [x, y]) {
  let inside = false;
  for (const points of rings) {
    for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
      const [[x0, y0], [x1, y1]] = [points[i], points[j]];
      if (y0 > y !== y1 > y && x < x0 + ((y - y0) * (x1 - x0)) / (y1 - y0)) inside = !inside;
    }
  }
  return inside;
}

// Between the two ends of the edge after a vertex.
export function middle(points, index) {
  const [[x0, y0], [x1, y1]] = [points[index], points[(index + 1) % points.length]];
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

export function meanEdge(points) {
  return points.reduce((sum, point, i) => sum + distance(point, points[(i + 1) % points.length]), 0) / points.length;
}
