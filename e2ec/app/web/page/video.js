// A video with its contours: the frame whose time is reached is the document that is shown.

import { predictVideo } from "./server.js";

export class VideoContours {
  #frames = [];
  #video;
  #contours;
  #shown = null;

  constructor(video, contours) {
    this.#video = video;
    this.#contours = contours;
    const show = () => {
      this.show();
      video.requestVideoFrameCallback?.(show);
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(show);
    for (const event of ["timeupdate", "seeked", "loadeddata"]) {
      video.addEventListener(event, () => this.show());
    }
  }

  get frames() { return this.#frames; }

  clear() {
    this.#frames = [];
    this.#shown = null;
  }

  async predict(file, settings, signal, tell) {
    this.clear();
    for await (const frame of predictVideo(file, settings, signal)) {
      this.#frames.push(frame);
      if (this.#frames.length === 1) this.show();
      tell(this.#frames.length);
    }
    this.show();
  }

  // The last frame that has begun at the video's time.
  show() {
    if (!this.#frames.length || this.#video.hidden) return;
    const time = this.#video.currentTime + 0.001;
    let low = 0, high = this.#frames.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#frames[middle].time_s <= time) low = middle; else high = middle - 1;
    }
    const frame = this.#frames[low];
    if (frame === this.#shown) return;
    this.#shown = frame;
    const { frame: _, time_s: __, ...native } = frame;
    this.#contours.load(native);
  }
}
