/**
 * The page: what is pressed, what is shown.
 * @import {Finder, PersonJson, PosesJson, Reason} from "./types.d.ts"
 */
import { Camera } from "./camera.js";
import * as device from "./device.js";
import { draw, heat, overlay } from "./drawing.js";
import { fill, refresh, tell, words } from "./list.js";
import * as pictures from "./pictures.js";
import { model, Server, TokenError } from "./server.js";

/** @template {HTMLElement} T @param {string} id @returns {T} */
const get = (id) => /** @type {T} */ (document.getElementById(id));
const canvas = /** @type {HTMLCanvasElement} */ (get("canvas"));
const rows = /** @type {HTMLTableSectionElement} */ (get("rows"));
const [file, threshold, width, strength, token] = ["file", "threshold", "width", "strength", "token"].map((id) => /** @type {HTMLInputElement} */ (get(id)));
const [calibrated, faded] = ["calibrated", "faded"].map((id) => /** @type {HTMLInputElement} */ (get(id)));
const camera = new Camera(get("video"));

/** @type {{ device: Finder | null, server: Finder | null }} */
const finders = { device: null, server: null };
const state = {
  where: /** @type {"device" | "server"} */ ("device"),
  opened: /** @type {pictures.Opened | null} */ (null),
  poses: /** @type {PosesJson | null} */ (null),
  reason: /** @type {Reason | null} */ (null),
  layer: /** @type {ImageBitmap | HTMLCanvasElement | null} */ (null),
  marked: /** @type {string | null} */ (null),
  turn: 0, // answers to older pictures are dropped
};

// ── what is said ─────────────────────────────────────────────────

/** @param {string} text */
function say(text) {
  get("status").textContent = text;
}

/** @param {unknown} problem */
function complain(problem) {
  get("alert").textContent = problem ? (problem instanceof Error ? problem.message : String(problem)) : "";
  get("token-form").hidden &&= !(problem instanceof TokenError);
  if (problem) say("");
}

/** @param {number | null} share */
function progress(share) {
  const bar = /** @type {HTMLProgressElement} */ (get("progress"));
  bar.hidden = share === null;
  if (share !== null) bar.value = share;
}

/** @param {() => Promise<void>} work */
async function tried(work) {
  complain(null);
  try {
    await work();
  } catch (problem) {
    complain(problem);
  } finally {
    progress(null);
  }
}

// ── what is drawn ────────────────────────────────────────────────

/** @param {PersonJson} person @param {string} name */
function shows(person, name) {
  const told = person.keypoints[name];
  return calibrated.checked ? told.seen : told.score >= Number(threshold.value);
}

function paint() {
  const { opened, poses, reason, layer } = state;
  if (!opened) return;
  const pen = pictures.paint(canvas, opened);
  const scale = opened.width / opened.full.width;
  if (reason && layer) overlay(pen, reason, layer, Number(strength.value), reason.cells ? 1 : scale);
  const finder = finders[state.where];
  if (poses && finder) draw(pen, poses, finder.skeleton, { shows, width: Number(width.value), faded: faded.checked, marked: state.marked });
  canvas.hidden = false;
  get("hint").hidden = true;
}

/** @param {string | null} name */
function mark(name) {
  if (camera.on) return;
  state.marked = name;
  paint();
}

function list() {
  const person = state.poses?.people[0];
  get("table").hidden = !person;
  get("style").hidden = get("save").hidden = !state.poses;
  if (person) fill(rows, person, (name) => shows(person, name), { why: camera.on ? null : why, mark });
  const seen = person ? Object.keys(person.keypoints).filter((name) => shows(person, name)).length : 0;
  const all = person ? Object.keys(person.keypoints).length : 0;
  const text = !state.poses ? "No picture yet." : person ? `One person, ${seen} of ${all} keypoints seen.` : "Nobody was found in this picture.";
  get("summary").textContent = text;
  canvas.setAttribute("aria-label", state.poses ? `The picture with its skeleton. ${text}` : "The picture");
  return text;
}

function restyle() {
  get("threshold-value").textContent = calibrated.checked ? "calibrated for each keypoint" : Number(threshold.value).toFixed(2);
  get("width-value").textContent = `${Number(width.value).toFixed(2)} ×`;
  threshold.disabled = calibrated.checked;
  const person = state.poses?.people[0];
  if (person) refresh(rows, (name) => shows(person, name));
  list();
  paint();
}

// ── what is asked ────────────────────────────────────────────────

/** @param {pictures.Opened} opened */
async function find(opened) {
  const turn = ++state.turn;
  Object.assign(state, { opened, poses: null, reason: null, layer: null, marked: null });
  get("why").hidden = true;
  list();
  paint();
  const finder = finders[state.where];
  if (!finder) return;
  say("Looking for keypoints …");
  if (state.where === "server" && !opened.source) opened.source = await pictures.encoded(opened);
  const begun = performance.now();
  const poses = await finder.find(opened, opened.source, opened.name);
  if (turn !== state.turn) return;
  state.poses = shown(poses);
  paint();
  say(`${list()} (${Math.round(performance.now() - begun)} ms)`);
}

/** In the pixels of the picture on the canvas, which may be a smaller one than the file. @param {PosesJson} poses */
function shown(poses) {
  const opened = /** @type {pictures.Opened} */ (state.opened);
  return pictures.enlarged(poses, { width: opened.width, height: opened.height });
}

/** @param {string} keypoint */
function why(keypoint) {
  const { opened, turn } = state;
  const finder = finders[state.where];
  if (!opened || !finder) return;
  void tried(async () => {
    say(`Asking why ${words(keypoint)} is there …`);
    const reason = await finder.why(opened, opened.source, keypoint, progress);
    if (turn !== state.turn) return;
    state.layer = reason.cells ? heat(reason.cells) : await createImageBitmap(/** @type {Blob} */ (reason.overlay));
    state.reason = reason;
    get("why").hidden = false;
    tell(get("reason"), reason);
    paint();
    say(`${words(keypoint)}: ${reason.verdict}. ${reason.answer}`);
  });
}

/** @param {Blob} source @param {string} name */
function openFile(source, name) {
  endCamera();
  void tried(async () => find(await pictures.open(source, name)));
}

// ── the camera ───────────────────────────────────────────────────

async function live() {
  while (camera.on) {
    const finder = state.where === "device" ? finders.device : null; // a server gets only the picture that is taken
    const opened = pictures.frame(/** @type {HTMLVideoElement} */ (get("video")));
    const begun = performance.now();
    const poses = finder ? await finder.find(opened, null, opened.name) : null;
    if (!camera.on) return;
    Object.assign(state, { opened, poses: poses && pictures.enlarged(poses, { width: opened.width, height: opened.height }) });
    paint();
    if (poses) list();
    get("rate").textContent = poses ? `${(1000 / (performance.now() - begun)).toFixed(1)} pictures a second` : "";
    await new Promise(requestAnimationFrame);
  }
}

function beginCamera() {
  void tried(async () => {
    await camera.start();
    state.turn++;
    Object.assign(state, { reason: null, layer: null, marked: null });
    get("why").hidden = true;
    get("camera-bar").hidden = false;
    get("camera").hidden = true;
    say("The camera is on.");
    get("take").focus();
    live().catch(complain);
  });
}

function endCamera() {
  camera.stop();
  if (!get("camera-bar").hidden) get("camera").hidden = false;
  get("camera-bar").hidden = true;
}

function take() {
  const opened = pictures.frame(/** @type {HTMLVideoElement} */ (get("video")));
  endCamera();
  get("camera").focus();
  void tried(() => find(opened));
}

// ── where it runs ────────────────────────────────────────────────

/** @param {"device" | "server"} where */
async function choose(where) {
  state.where = where;
  get("where").textContent = "";
  if (where === "device" && !finders.device) {
    say("Preparing the network, once …");
    finders.device = await device.start(progress);
    say("");
  }
  get("where").textContent = finders[where]?.describe() ?? "";
  document.body.dataset.ready = where;
  if (state.opened && !camera.on) await find(state.opened);
}

async function begin() {
  const asked = model(token.value).catch((problem) => {
    complain(problem);
    return null;
  });
  const [here, about] = await Promise.all([device.isThere(), asked]);
  finders.server = about ? new Server(about, token.value) : null;
  get("places").hidden = !(here && about);
  if (!here && !get("token-form").hidden) return;
  if (!here && !about) throw new Error("Neither a network nor a server is here: see docs/page.md on how to build this page.");
  const where = here ? "device" : "server";
  /** @type {HTMLInputElement} */ (get(`at-${where}`)).checked = true;
  try {
    await choose(where);
  } catch (problem) {
    if (!about) throw problem;
    complain(`The network cannot run in this browser (${problem instanceof Error ? problem.message : problem}). The server can be chosen instead.`);
  }
}

/** Offline from the second visit on. Resolves once the worker controls this page, so that what is fetched now is kept. */
async function install() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("service-worker.js", { type: "classic" });
    const controlled = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    if (!navigator.serviceWorker.controller) await Promise.race([controlled, new Promise((resolve) => setTimeout(resolve, 3000))]);
  } catch {
    // private windows have none: the page works without
  }
}

/** @param {Blob} content @param {string} name */
function download(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function stem() {
  return (state.opened?.name ?? "picture").replace(/\.[^.]*$/, "");
}

function saveJson() {
  if (!state.poses || !state.opened) return;
  const poses = pictures.enlarged(state.poses, state.opened.full);
  download(new Blob([`${JSON.stringify(poses, null, 1)}\n`], { type: "application/json" }), `${stem()}.pose.json`);
}

/** @param {DataTransfer | null} data */
function given(data) {
  return [...(data?.files ?? [])].find(({ type }) => type.startsWith("image/")) ?? data?.files[0];
}

async function paste() {
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((kind) => kind.startsWith("image/"));
    if (type) return openFile(await item.getType(type), "pasted.png");
  }
  throw new Error("There is no picture to paste.");
}

// ── wires ────────────────────────────────────────────────────────

file.addEventListener("change", () => file.files?.[0] && openFile(file.files[0], file.files[0].name));
get("paste").addEventListener("click", () => void tried(paste));
document.addEventListener("paste", (event) => {
  const pasted = given(event.clipboardData);
  if (pasted) openFile(pasted, pasted.name || "pasted.png");
});
const stage = get("stage");
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    stage.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget ?? stage.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  const dropped = given(event.dataTransfer);
  if (dropped) openFile(dropped, dropped.name);
});
get("camera").addEventListener("click", beginCamera);
get("take").addEventListener("click", take);
get("turn").addEventListener("click", () => void tried(() => camera.turn()));
get("stop").addEventListener("click", () => {
  endCamera();
  get("camera").focus();
  say("The camera is off.");
});
for (const input of [threshold, width, calibrated, faded]) input.addEventListener("input", restyle);
strength.addEventListener("input", paint);
get("save-json").addEventListener("click", saveJson);
get("save-picture").addEventListener("click", () => void tried(async () => download(await pictures.blob(canvas, "image/jpeg"), `${stem()}.pose.jpg`)));
for (const where of /** @type {const} */ (["device", "server"])) get(`at-${where}`).addEventListener("change", () => void tried(() => choose(where)));
get("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  get("token-form").hidden = true;
  void tried(begin);
});
void tried(async () => {
  restyle();
  await install();
  await begin();
});
