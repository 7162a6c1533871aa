// The room for tables.

import { element } from "../dom.js";
import { guarded } from "../status.js";
import { columnsGroup } from "./columns.js";
import { emGroup } from "./em.js";
import { searchGroup } from "./models.js";
import { Room } from "./room.js";
import { outliersGroup, rowsGroup } from "./rows.js";
import { savingGroup } from "./saving.js";
import { buildStage } from "./stage.js";

/** Show a table; return a function that ends the room. */
export async function mount(stage, panel, opened) {
  const room = new Room(opened.name, `documents/${opened.id}/table`);
  const state = await room.get("state");
  const header = state.table && !state.table.is_doubtful && state.table.header !== null ? (state.table.header ? "names" : "row") : "auto";
  room.table = state.table ?? await room.get(`columns?header=${header}`);
  const close = buildStage(room, stage);
  const search = searchGroup(room);
  const columns = columnsGroup(room, {
    open: async (asked) => {
      room.table = await room.get(`columns?header=${asked}`);
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
    await room.begin(state.chosen);
    if (state.has_models) await room.loadModels();
    if (state.has_steps) await room.loadSteps();
    if (state.has_models) await room.show(room.models.best);
    if (state.running.search) await room.searched(state.running.search);
    if (state.running.em) await room.stepped(state.running.em);
  }

  guarded(() => (state.chosen ? resume() : choose(atFirst())));
  return close;
}
