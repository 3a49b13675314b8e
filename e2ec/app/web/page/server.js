// What the page asks the server.

export class Refused extends Error {}

async function answer(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server cannot be reached.");
  }
  if (response.ok) return response;
  let text = `The server answered ${response.status}.`;
  try {
    text = (await response.json()).error ?? text;
  } catch { /* no JSON: the number says enough */ }
  throw new Refused(text);
}

export const about = async () => (await answer("/about")).json();

// The native document of a picture.
export async function predict(file, settings, signal) {
  const query = search(file, settings);
  return (await answer(`/predict?${query}`, { method: "POST", body: file, signal })).json();
}

// The lines of a video, one object a frame, as they come.
export async function* predictVideo(file, settings, signal) {
  const query = search(file, settings);
  const response = await answer(`/predict/video?${query}`, { method: "POST", body: file, signal });
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const frame = JSON.parse(line);
      if (frame.error) throw new Refused(frame.error);
      yield frame;
    }
  }
}

// {blob, name}: a document as a file of a format.
export async function convert(native, format) {
  const response = await answer(`/convert?format=${encodeURIComponent(format)}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(native),
  });
  const name = /filename="([^"]*)"/.exec(response.headers.get("Content-Disposition") ?? "");
  return { blob: await response.blob(), name: name ? name[1] : `contours.${format}` };
}

// {document, png}: the frame that the live view shows.
export const takeFrame = async () => (await answer("/live/take", { method: "POST" })).json();

function search(file, settings) {
  const query = new URLSearchParams({ score: settings.score, name: file.name ?? "" });
  if (settings.stage) query.set("stage", settings.stage);
  return query;
}

// The shapes of a native document's objects as one.
export const merge = (native) => changed("/edit/merge", native);

// The shapes of its one object, cut along a line of two points.
export const cut = (native, [[x0, y0], [x1, y1]]) =>
  changed(`/edit/split?${new URLSearchParams({ x0, y0, x1, y1 })}`, native);

async function changed(path, native) {
  const response = await answer(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(native),
  });
  return (await response.json()).images[0].instances;
}
