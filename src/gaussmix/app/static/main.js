// The page: opens files and gives them to their room.

import { get, post, put, remove } from "./api.js";
import { button, element } from "./dom.js";
import { complain, forgive, guarded, say } from "./status.js";
import "./presence.js";
import "./theme.js";

const ROOMS = { picture: () => import("./pictures/main.js"), table: () => import("./tables/main.js") };
const stage = document.getElementById("stage");
const panel = document.getElementById("panel");
const layout = document.getElementById("layout");
const chooser = document.getElementById("file");
const drop = document.getElementById("drop");
let settings = { max_upload: Infinity, examples: {} };
let current = null;
let unmount = null;

/** Open a file that the user has chosen or dropped. */
async function openFile(file) {
  forgive();
  if (file.size > settings.max_upload) {
    complain(tooLarge(file));
    return;
  }
  say(`Reading ${file.name}`);
  const opened = await guarded(() => put(`documents?name=${encodeURIComponent(file.name)}`, file));
  if (opened) await show(opened);
  else say("");
}

function tooLarge(file) {
  const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
  return `${file.name} has ${megabytes(file.size)}; the page takes files of at most ${megabytes(settings.max_upload)}. ` +
    "Start the application with the file, as in gaussmix app FILE, or use gaussmix segment and gaussmix fit.";
}

async function openExample(name) {
  forgive();
  const opened = await guarded(() => post(`examples/${encodeURIComponent(name)}`));
  if (opened) await show(opened);
}

/** Show an open document in its room. The document before it is closed when the new one is there. */
async function show(opened) {
  const before = current;
  leave();
  const room = await ROOMS[opened.kind]();
  layout.dataset.room = opened.kind;
  try {
    unmount = await room.mount(stage, panel, opened);
  } catch (error) {
    complain(error);
    remove(`documents/${opened.id}`).catch(() => {});
    history.replaceState(null, "", location.pathname);
    if (before && before.id !== opened.id) await show(before);
    else welcome();
    return;
  }
  current = opened;
  document.getElementById("document-name").textContent = opened.name;
  document.title = `${opened.name} - gaussmix`;
  history.replaceState(null, "", `#${opened.id}`);
  if (before && before.id !== opened.id) remove(`documents/${before.id}`).catch(() => {});
}

function leave() {
  if (typeof unmount === "function") unmount();
  unmount = null;
  current = null;
  stage.replaceChildren();
  panel.replaceChildren();
}

/** Show what can be opened. */
function welcome() {
  leave();
  say("");
  layout.dataset.room = "none";
  document.title = "gaussmix";
  document.getElementById("document-name").textContent = "";
  const examples = Object.entries(settings.examples).map(([name, label]) => button(label, () => openExample(name)));
  stage.append(
    element("div", { class: "welcome" },
      element("p", { class: "lead" }, "Drop a picture or a table here"),
      element("p", {}, button("Open a file", () => chooser.click(), { class: "main" })),
      element("p", { class: "formats" }, "PNG, JPEG, TIFF, NIfTI and other pictures; CSV and Parquet tables"),
      element("p", { class: "examples" }, "Or try ", ...examples),
    ),
  );
}

function onDrag(event) {
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  drop.hidden = event.type !== "dragover";
  if (event.type === "drop" && event.dataTransfer.files.length) openFile(event.dataTransfer.files[0]);
}

document.getElementById("open").addEventListener("click", () => chooser.click());
chooser.addEventListener("change", () => {
  if (chooser.files.length) openFile(chooser.files[0]);
  chooser.value = "";
});
for (const type of ["dragover", "dragleave", "drop"]) window.addEventListener(type, onDrag);

async function start() {
  settings = await get("settings");
  const documents = await get("documents");
  const asked = documents.find((each) => each.id === location.hash.slice(1)) ?? documents.at(-1);
  if (asked) await show(asked);
  else welcome();
}

guarded(start);
