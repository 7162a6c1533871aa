// The room for tables.

import { get } from "../api.js";
import { element } from "../dom.js";
import { guarded } from "../status.js";
import { columnsGroup } from "./columns.js";
import { emGroup } from "./em.js";
import { searchGroup } from "./models.js";
import { Room } from "./room.js";
import { outliersGroup, rowsGroup } from "./rows.js";
import { savingGroup } from "./saving.js";
import { buildStage } from "./stage.js";

/** Read the table, unless the server has done it for a page that is loaded again. */
export async function prepare(opened) {
  const base = `documents/${opened.id}/table`;
  const state = await get(`${base}/state`);
  return { ...state, table: state.table ?? await get(`${base}/info?header=auto`) };
}

/** Show a table; return a function that ends the room. */
export function mount(stage, panel, opened, state) {
  const room = new Room(opened.name, `documents/${opened.id}/table`);
  room.table = state.table;
  const close = buildStage(room, stage);
  const search = searchGroup(room);
  const columns = columnsGroup(room, {
    open: async (asked) => {
      room.table = await room.get(`info?header=${asked}`);
      columns.render();
      await choose(atFirst());
    },
    choose: (names) => choose(names),
  });
  panel.append(columns.node, search.node, rowsGroup(room), outliersGroup(room), emGroup(room), savingGroup(room));
  columns.render();

  const atFirst = () => room.table.columns.filter((column) => column.chosen).map((column) => column.name);

  async function choose(names) {
    if (!names.length) {
      room.chosen = null;
      stage.querySelector(".legend").replaceChildren(element("span", { class: "quiet" }, "Choose columns of numbers"));
      return;
    }
    await room.choose(names);
    await room.search(search.request());
  }

  /** Show what the server knows after the page was loaded again, and follow what is still running. */
  async function resume() {
    const before = JSON.parse(sessionStorage.getItem(room.base) ?? "{}");
    await room.begin(state.chosen);
    if (state.has_models) await room.loadModels();
    if (state.has_steps) await room.loadSteps();
    await room.recall(before);
    if (state.running.search) await room.searched(state.running.search);
    if (state.running.em) await room.stepped(state.running.em);
  }

  guarded(() => (state.chosen ? resume() : choose(atFirst())));
  return close;
}
