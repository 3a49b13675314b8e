// Saving what is shown: a button a format, and the lines of a video.

import { convert } from "./server.js";

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function downloadButtons(place, formats, contours, attempt) {
  for (const format of formats) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = format.title;
    button.dataset.format = format.name;
    button.addEventListener("click", () => attempt(async () => {
      const { blob, name } = await convert(contours.native, format.name);
      save(blob, name);
      return `Saved ${name}.`;
    }));
    place.append(button);
  }
}

export function linesButton(place, frames, attempt) {
  const button = document.createElement("button");
  button.type = "button";
  button.id = "download-lines";
  button.textContent = "All frames (JSON lines)";
  button.addEventListener("click", () => attempt(async () => {
    const text = frames().map((frame) => `${JSON.stringify(frame)}\n`).join("");
    save(new Blob([text], { type: "application/x-ndjson" }), "contours.jsonl");
    return "Saved contours.jsonl.";
  }));
  place.append(button);
  return button;
}
