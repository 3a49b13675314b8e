// What can be done to contours, by name: `can` says whether it can be now, `run` does it and may
// return what to say. Buttons and keys call these.

import { middle } from "./geometry.js";
import { cut, merge, Refused } from "./server.js";
import { rings } from "./shapes.js";

const ZOOM = 1.5;

export function makeActions({ edits, draft, view, tools, classIndex }) {
  const always = () => true;
  const selected = () => edits.selected.length > 0;

  // What the server makes of some instances takes their place, if they are still there.
  async function ask(question, label) {
    const { chosen, instances } = edits;
    const made = await question(edits.documentOf(chosen));
    if (edits.instances !== instances) throw new Refused("Something else was changed meanwhile.");
    edits.replace(chosen, made, label);
  }

  return {
    undo: { can: () => edits.canUndo, run: () => `Undone: ${edits.undo()}.` },
    redo: { can: () => edits.canRedo, run: () => `Done again: ${edits.redo()}.` },
    select: { can: always, pressed: () => draft.tool === "select", run: () => draft.use("select") },
    draw: {
      can: always, pressed: () => draft.tool === "draw",
      run: () => {
        edits.select([]);
        draft.use("draw");
        return "Set the points of a new object; the first one closes it.";
      },
    },
    split: {
      can: () => edits.only !== null, pressed: () => draft.tool === "split",
      run: () => {
        draft.use("split");
        return "Draw a line across the object.";
      },
    },
    finish: { can: () => draft.canFinish, shown: () => draft.tool === "draw", run: () => draft.finish() },
    several: {
      can: always, pressed: () => tools.several,
      run: () => {
        tools.several = !tools.several;
        edits.select(edits.selected);
      },
    },
    "add-vertex": {
      can: () => edits.vertex !== null,
      run: () => {
        const { vertex } = edits;
        edits.insertVertex(vertex, middle(rings(edits.only)[vertex.ring], vertex.index));
      },
    },
    "delete-vertex": { can: () => edits.vertex !== null, run: () => edits.deleteVertex() },
    delete: { can: selected, run: () => edits.deleteChosen() },
    merge: { can: () => edits.selected.length > 1, run: () => ask(merge, "objects merged") },
    separate: {
      can: () => edits.only !== null && edits.only.parts.length > 1,
      run: () => edits.separate(),
    },
    "zoom-in": {
      can: always,
      run: () => {
        view.zoom(ZOOM);
        if (edits.place) view.centre(edits.place);
      },
    },
    "zoom-out": { can: () => view.scale > 1, run: () => view.zoom(1 / ZOOM) },
    fit: { can: () => view.scale > 1, run: () => view.fit() },
    // Not on a button: what a draft becomes, and a choice of the list.
    drafted: {
      can: always,
      run: ({ tool, points }) => {
        draft.use("select");
        if (tool === "split") return ask((one) => cut(one, points), "object split");
        return edits.add(points, classIndex());
      },
    },
    class: { can: selected, run: (index) => edits.setClass(index) },
  };
}
