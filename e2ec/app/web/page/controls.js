// The panel: what it is set to, and who wants to know.

const byId = (id) => document.getElementById(id);
const SHARES = ["score", "fill"];
const SWITCHES = ["labels", "vertices", "tracks", "paused"];

export class Controls extends EventTarget {
  // Events: "input" while a person changes something, "settle" when it is done (detail: changes),
  // and "step".
  constructor(about) {
    super();
    const stage = byId("stage-name");
    stage.replaceChildren(...about.stages.map((name) => new Option(name, name)));
    stage.value = about.stage;
    this.#standard = about.stage;
    this.show({ stage: null, score: about.score, fill: 0.35, labels: true, vertices: false });
    for (const id of SHARES) {
      byId(id).addEventListener("input", () => this.#tell("input", id));
      byId(id).addEventListener("change", () => this.#tell("settle", id));
    }
    for (const id of [...SWITCHES]) byId(id).addEventListener("change", () => this.#tell("settle", id));
    stage.addEventListener("change", () => this.#tell("settle", "stage"));
    byId("step").addEventListener("click", () => this.dispatchEvent(new Event("step")));
  }

  #standard;

  get values() {
    return {
      stage: byId("stage-name").value,
      ...Object.fromEntries(SHARES.map((id) => [id, byId(id).valueAsNumber])),
      ...Object.fromEntries(SWITCHES.map((id) => [id, byId(id).checked])),
    };
  }

  // Set what is given without telling anybody; what a person holds right now is left alone.
  show(values) {
    for (const id of SHARES) {
      if (id in values && !byId(id).matches(":active")) byId(id).value = values[id];
    }
    // null stands for what the program does by itself: labels where there is room.
    for (const id of SWITCHES) if (id in values) byId(id).checked = values[id] ?? true;
    if ("stage" in values) byId("stage-name").value = values.stage ?? this.#standard;
    this.#write();
  }

  #tell(type, id) {
    this.#write();
    const name = id;
    this.dispatchEvent(new CustomEvent(type, { detail: { [name]: this.values[name] } }));
  }

  #write() {
    byId("score-value").textContent = byId("score").valueAsNumber.toFixed(2);
    byId("fill-value").textContent = `${Math.round(byId("fill").valueAsNumber * 100)} %`;
  }
}
