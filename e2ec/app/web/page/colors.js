// The colours of the pictures that the program draws: the hue steps by the golden ratio.

const LEVELS = [[0.85, 1.0], [0.6, 0.95], [0.95, 0.8]];

export function color(index) {
  const hue = (0.02 + index * 0.6180339887498949) % 1;
  const [saturation, value] = LEVELS[index % LEVELS.length];
  const channel = (n) => {
    const k = (n + hue * 6) % 6;
    return Math.round(255 * (value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return `rgb(${channel(5)} ${channel(3)} ${channel(1)})`;
}

// An instance keeps the colour of its track; one without a track among others is grey.
export function instanceColor(instance, index) {
  if (instance.track_id === undefined) return color(index);
  return instance.track_id < 0 ? "rgb(160 160 160)" : color(instance.track_id);
}
