// The page: a live view or a file, its contours, and what can be done with them.

import { Controls } from "./controls.js";
import { ContoursDocument } from "./document.js";
import { downloadButtons, linesButton } from "./downloads.js";
import { Editor } from "./editor.js";
import { receiveFiles } from "./files.js";
import { Live } from "./live.js";
import { Outlines } from "./outlines.js";
import { about as askAbout, predict, takeFrame } from "./server.js";
import { VideoContours } from "./video.js";

const byId = (id) => document.getElementById(id);
const [canvas, picture, video, svg] = ["live", "picture", "video", "outlines"].map(byId);
const stage = byId("stage");

const contours = new ContoursDocument();
const outlines = new Outlines(svg, contours, { fill: 0.35, vertices: false, labels: true });
const film = new VideoContours(video, contours);
const editor = new Editor({ stage, sheet: byId("sheet"), svg, contours, outlines, attempt, say });
let about, controls, live, lines;
let file = null; // what was picked; null for a frame of the live view
let mode = ""; // "", "live", "picture", "video"
let asking = null; // an AbortController
let asked = null; // settings that the contours were made with
let unseen = ""; // why the picture is not on the screen

function say(text, bad = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("bad", bad);
}

// Run something that may be refused; it returns what to say when it is done.
async function attempt(work) {
  try {
    say(await work() ?? "");
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, true);
  }
}

// Before something replaces what a person has changed.
function mayReplace() {
  const may = !editor.touched || confirm("This replaces the contours that you have edited.");
  if (may) editor.forget();
  return may;
}

function show(next) {
  mode = next;
  editor.fit();
  editor.turn(mode === "picture");
  const media = { live: canvas, picture, video };
  for (const [name, part] of Object.entries(media)) part.hidden = name !== mode;
  svg.toggleAttribute("hidden", mode !== "picture" && mode !== "video");
  svg.classList.toggle("over-picture", mode === "picture"); // a video's own controls lie below
  byId("invitation").hidden = mode !== "";
  stage.classList.toggle("empty", mode === "");
  byId("show-live").setAttribute("aria-pressed", String(mode === "live"));
  byId("show-picture").setAttribute("aria-pressed", String(mode !== "live"));
  for (const part of document.querySelectorAll(".live-only")) part.hidden = mode !== "live";
  byId("take").hidden = mode !== "live";
  if (lines) lines.hidden = mode !== "video";
  if (mode !== "video") video.pause();
  if (mode !== "live") redraw();
  describe();
  place();
}

// The SVG lies exactly over the pixels of the picture, wherever the browser puts them.
function place() {
  const part = mode === "video" ? video : picture;
  const { width, height } = contours;
  if (svg.hasAttribute("hidden") || !width) return;
  const scale = Math.min(part.clientWidth / width, part.clientHeight / height);
  svg.style.width = `${width * scale}px`;
  svg.style.height = `${height * scale}px`;
  svg.style.left = `${part.offsetLeft + (part.clientWidth - width * scale) / 2}px`;
  svg.style.top = `${part.offsetTop + (part.clientHeight - height * scale) / 2}px`;
}

function describe() {
  const there = contours.native !== null && (mode === "picture" || mode === "video");
  for (const id of ["downloads", "found", "editor"]) byId(id).hidden = !there;
  if (mode === "live") return;
  byId("facts").textContent = there
    ? `${contours.image.source ?? "picture"}: ${contours.width} x ${contours.height} pixels. ${unseen}`
    : unseen;
  if (!there) return;
  const counts = new Map();
  for (const { class: name } of contours.instances) counts.set(name, (counts.get(name) ?? 0) + 1);
  byId("classes").replaceChildren(...[...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => {
    const item = document.createElement("li");
    for (const text of [name, count]) {
      const part = document.createElement("span");
      part.textContent = text;
      item.append(part);
    }
    return item;
  }));
}

function display(blob, part) {
  unseen = "";
  if (part.src) URL.revokeObjectURL(part.src);
  part.src = URL.createObjectURL(blob);
}

// Ask for the contours of the file that is shown, with the settings of the panel.
function ask() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  asked = controls.values;
  return attempt(async () => {
    if (mode === "video") {
      say("Working on the video...");
      await film.predict(file, controls.values, signal, (count) => say(`${count} frames done...`));
      return `${film.frames.length} frames.`;
    }
    say("Working on the picture...");
    contours.load(await predict(file, controls.values, signal));
    const count = contours.instances.length;
    return `${count} object${count === 1 ? "" : "s"} found.`;
  });
}

function receive(given) {
  const isVideo = given.type.startsWith("video/");
  const most = isVideo ? about.video_bytes : about.picture_bytes;
  if (given.size > most) {
    say(`The file is larger than ${Math.floor(most / 2 ** 20)} MiB, the limit.`, true);
    return;
  }
  if (!mayReplace()) return;
  file = given;
  film.clear();
  contours.load(null);
  display(given, isVideo ? video : picture);
  byId("show-picture").hidden = !about.live;
  show(isVideo ? "video" : "picture");
  ask();
}

async function take() {
  if (!mayReplace()) return;
  await attempt(async () => {
    const { document: native, png } = await takeFrame();
    const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
    asking?.abort();
    file = null;
    contours.load(native);
    display(new Blob([bytes], { type: "image/png" }), picture);
    byId("show-picture").hidden = false;
    show("picture");
    return "This is one frame of the live view.";
  });
}

// The outlines as the panel wants them; while the stream is shown the panel is the stream's.
function redraw() {
  const { fill, labels, vertices } = controls.values;
  Object.assign(outlines.options, { fill, labels, vertices });
  outlines.draw();
}

function connectControls() {
  controls.addEventListener("input", ({ detail }) => {
    if (mode === "live") live.set(detail); else if ("fill" in detail) redraw();
  });
  controls.addEventListener("settle", ({ detail }) => {
    if (mode === "live") live.set(detail);
    else if (!("score" in detail || "stage" in detail)) redraw();
    else if (file) { if (mayReplace()) ask(); else controls.show(asked); }
  });
  controls.addEventListener("step", () => live?.step());
}

function startLive() {
  live = new Live(canvas);
  byId("show-live").hidden = false;
  byId("show-live").addEventListener("click", () => {
    show("live");
    if (live.state?.controls) controls.show(live.state.controls);
  });
  byId("show-picture").addEventListener("click", () => show(file?.type.startsWith("video/") ? "video" : "picture"));
  byId("take").addEventListener("click", take);
  live.addEventListener("state", ({ detail }) => {
    if (mode !== "live") return;
    if (detail.controls) controls.show(detail.controls);
    say(detail.ended ? "The stream has ended." : "");
  });
  live.addEventListener("picture", ({ detail }) => {
    canvas.dataset.index = detail.index;
    if (mode !== "live") return;
    byId("facts").textContent =
      `${detail.name ?? ""} frame ${detail.index}, ${detail.time_s.toFixed(1)} s: ` +
      `${detail.instances} objects, ${detail.fps.toFixed(1)} frames a second, ${Math.round(detail.latency_ms)} ms old`;
  });
  live.addEventListener("refused", ({ detail }) => say(detail, true));
  live.addEventListener("lost", () => { if (mode === "live") say("The live view is lost; trying again...", true); });
  live.open();
  show("live");
}

async function start() {
  about = await askAbout();
  const names = about.class_names;
  byId("model").textContent = names.length > 4
    ? `${names.length} classes: ${names.slice(0, 4).join(", ")}, ...` : names.join(", ");
  controls = new Controls(about);
  connectControls();
  lines = linesButton(byId("downloads"), () => film.frames, attempt);
  downloadButtons(byId("downloads"), about.formats, contours, attempt);
  contours.addEventListener("change", () => { describe(); place(); });
  for (const [part, event] of [[picture, "load"], [video, "loadedmetadata"]]) part.addEventListener(event, place);
  picture.addEventListener("error", () => {
    unseen = "The browser cannot show this kind of picture.";
    describe();
  });
  editor.addEventListener("toggle", () => {
    video.controls = !editor.on;
    video.pause();
  });
  new ResizeObserver(place).observe(stage);
  receiveFiles(byId("file"), stage, receive);
  show("");
  if (about.live) startLive();
}

attempt(start);
