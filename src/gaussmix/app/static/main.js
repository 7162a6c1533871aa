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
let settings = { max_upload: Infinity, examples: {}, file: null };
let current = null;
let unmount = null;
let mounting = Promise.resolve(); // ends when the room has been shown, so that it can be left
let n_shown = 0;

/** Open a file that the user has chosen or dropped. */
async function openFile(file) {
  forgive();
  if (file.size > settings.max_upload) {
    complain(tooLarge(file));
    return;
  }
  n_shown += 1;
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    complain(`${file.name} cannot be read. It may be a folder, or have been moved.`);
    return;
  }
  say(`Reading ${file.name}`);
  const opened = await guarded(() => put(`documents?name=${encodeURIComponent(file.name)}`, file));
  say("");
  if (opened) await show(opened);
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

/**
 * Show an open document in its room. A room may export `prepare(document)`, which reads the file: if that fails, the room
 * before stays as it is. What it returns is the last argument of `mount`.
 */
async function show(opened) {
  const turn = ++n_shown;
  let before = null;
  try {
    const room = await ROOMS[opened.kind]();
    const prepared = await room.prepare?.(opened);
    await mounting.catch(() => {});
    if (turn !== n_shown) {
      close(opened); // another file has been opened meanwhile
      return;
    }
    before = current;
    leave();
    current = opened;
    layout.dataset.room = opened.kind;
    document.getElementById("document-name").textContent = opened.name;
    document.title = `${opened.name} - gaussmix`;
    history.replaceState(null, "", `#${opened.id}`);
    mounting = Promise.resolve(room.mount(stage, panel, opened, prepared));
    unmount = await mounting;
  } catch (error) {
    complain(error);
    close(opened);
    if (current === null || current === opened) welcome();
    else say("");
    return;
  }
  if (before && before.id !== opened.id) close(before);
}

function close(opened) {
  remove(`documents/${opened.id}`).catch(() => {});
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
  history.replaceState(null, "", location.pathname);
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
  if (event.type === "drop") onDrop(event.dataTransfer);
}

function onDrop(dropped) {
  const [item, ...more] = dropped.items;
  if (more.length) complain("Drop one file at a time.");
  else if (item.webkitGetAsEntry?.()?.isDirectory) complain("This is a folder. Start the application with it: gaussmix app FOLDER");
  else openFile(item.getAsFile());
}

document.getElementById("open").addEventListener("click", () => chooser.click());
chooser.addEventListener("change", () => {
  if (chooser.files.length) openFile(chooser.files[0]);
  chooser.value = "";
});
for (const type of ["dragover", "dragleave", "drop"]) window.addEventListener(type, onDrag);

async function start() {
  settings = await get("settings");
  const wanted = location.hash.slice(1) || settings.file;
  const asked = (await get("documents")).find((each) => each.id === wanted);
  if (n_shown) return; // a file has been dropped meanwhile
  if (asked) await show(asked);
  else welcome();
}

guarded(start);
