// The group of the panel that chooses columns.

import { button, element, field, group } from "../dom.js";
import { count, counted } from "./room.js";

const HEADERS = { auto: "find out", names: "has the names", row: "is a row" };

export function columnsGroup(room, { open, choose }) {
  const header = element("select", { name: "header" },
    ...Object.entries(HEADERS).map(([value, name]) => element("option", { value }, name)));
  const about = element("p", { class: "quiet" });
  const list = element("div", { class: "columns", role: "group", "aria-label": "Columns" });
  const use = button("Use these columns", room.guarded(() => choose(wanted())), { class: "main" });
  const all = button("All", () => check(() => true));
  const none = button("None", () => check(() => false));
  const first = field("First line", header);
  const node = group("Columns", about, first, list, element("div", { class: "row" }, use, all, none));

  header.addEventListener("change", room.guarded(() => open(header.value)));
  list.addEventListener("change", update);

  function boxes() {
    return [...list.querySelectorAll("input:not(:disabled)")];
  }

  function wanted() {
    return boxes().filter((box) => box.checked).map((box) => room.table.columns[Number(box.value)].name);
  }

  function check(rule) {
    for (const box of boxes()) box.checked = rule(box);
    update();
  }

  function update() {
    const names = wanted();
    const same = room.chosen && names.join("\n") === room.chosen.names.join("\n");
    use.disabled = !names.length || same;
  }

  function render() {
    const { table } = room;
    const numbers = table.columns.filter((column) => column.is_number).length;
    const chosen = table.columns.filter((column) => column.chosen).length;
    about.textContent = `${counted(table.n_rows, "row")}, ${counted(table.columns.length, "column")}`
      + (chosen < numbers ? `; ${chosen} of ${numbers} columns of numbers were chosen at first.` : ".")
      + (table.is_doubtful ? " The first line may be a row; it is read as the names." : "");
    first.hidden = !/\.(csv|tsv|txt|dat)(\.gz)?$/i.test(room.name);
    header.value = table.is_doubtful || table.header === null ? "auto" : table.header ? "names" : "row";
    list.replaceChildren(...table.columns.map((column, at) => {
      const note = column.n_missing ? `${column.note}; ${count(column.n_missing)} missing` : column.note;
      const box = element("input", { type: "checkbox", value: String(at), checked: column.chosen, disabled: !column.is_number });
      return element("label", { class: "column", title: `${column.name}: ${note}` }, box,
        element("span", { class: "name" }, column.name || "(no name)"), element("small", {}, note));
    }));
    update();
  }

  room.on("chosen", () => {
    const names = new Set(room.chosen.names);
    for (const box of boxes()) box.checked = names.has(room.table.columns[Number(box.value)].name);
    update();
  });
  return { node, render };
}
