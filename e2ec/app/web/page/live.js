// The live view: pictures come on a socket, and the next one is asked for when one is drawn.

const AGAIN_MS = [500, 1000, 2000, 5000];

export class Live extends EventTarget {
  #canvas;
  #socket = null;
  #facts = null;
  #tries = 0;
  state = null;

  // Events: "state" (detail: {controls, ended}), "picture" (detail: facts), "lost", "refused".
  constructor(canvas) {
    super();
    this.#canvas = canvas;
  }

  open() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    socket.binaryType = "blob";
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", () => {
      this.dispatchEvent(new Event("lost"));
      setTimeout(() => this.open(), AGAIN_MS[Math.min(this.#tries++, AGAIN_MS.length - 1)]);
    });
  }

  set(changes) { this.#send({ set: changes }); }

  step() { this.#send({ step: true }); }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async #receive(data) {
    if (data instanceof Blob) {
      await this.#draw(data);
      this.#send({ drawn: true });
      return;
    }
    this.#tries = 0;
    const message = JSON.parse(data);
    if (message.picture) this.#facts = message.picture;
    if (message.state) {
      this.state = message.state;
      this.dispatchEvent(new CustomEvent("state", { detail: message.state }));
    }
    if (message.error) this.dispatchEvent(new CustomEvent("refused", { detail: message.error }));
  }

  async #draw(jpeg) {
    const facts = this.#facts;
    const bitmap = await createImageBitmap(jpeg);
    if (this.#canvas.width !== bitmap.width || this.#canvas.height !== bitmap.height) {
      this.#canvas.width = bitmap.width;
      this.#canvas.height = bitmap.height;
    }
    this.#canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    this.dispatchEvent(new CustomEvent("picture", { detail: facts }));
  }
}
