/**
 * The network in this browser: speaks with the worker.
 * @import {Finder, Picture, PosesJson, Reason} from "./types.d.ts"
 */

/** Whether the files for this device lie beside the page. */
export async function isThere() {
  try {
    const answer = await fetch("device/pose.onnx.json");
    return answer.ok && (await answer.json()).format === "glasspose.export";
  } catch {
    return false;
  }
}

/** WebGPU where there is a real one; where it fails or answers differently than PyTorch, WebAssembly. @param {(share: number) => void} onProgress @returns {Promise<Device>} */
export async function start(onProgress) {
  const wanted = (await hasGpu()) ? ["webgpu", "wasm"] : ["wasm"];
  let problem;
  for (const engine of wanted) {
    const worker = new Worker(new URL(WORKER, document.baseURI), { type: "module" });
    const device = new Device(worker);
    try {
      const folder = new URL("device/", document.baseURI).href;
      device.about = await device.order("load", { folder, version: ORT_VERSION, engine }, [], onProgress);
      return device;
    } catch (failed) {
      worker.terminate();
      problem = failed;
    }
  }
  throw problem;
}

async function hasGpu() {
  try {
    const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter();
    return Boolean(adapter) && !(adapter.isFallbackAdapter ?? adapter.info?.isFallbackAdapter);
  } catch {
    return false;
  }
}

/** @implements {Finder} */
export class Device {
  /** @param {Worker} worker */
  constructor(worker) {
    /** @type {any} */
    this.about = null;
    this.explains = true;
    this.last = 0;
    /** @type {Map<number, { resolve: (value: any) => void, reject: (problem: Error) => void, onProgress: (share: number) => void }>} */
    this.open = new Map();
    this.worker = worker;
    worker.addEventListener("message", ({ data }) => this.heard(data));
    worker.addEventListener("error", (event) => this.fail(event.message || "the network's program cannot be started"));
  }

  get skeleton() {
    return this.about.card.skeleton;
  }

  describe() {
    const { engine, threads, shift, card } = this.about;
    const by = engine === "webgpu" ? "WebGPU" : `WebAssembly, ${threads} ${threads === 1 ? "thread" : "threads"}`;
    return `${card.name} in this browser (${by}); ${shift.toFixed(3)} px from PyTorch on the test crop. Pictures stay on this device.`;
  }

  /** @param {Picture} picture @param {Blob | null} _source @param {string} name @returns {Promise<PosesJson>} */
  find(picture, _source, name) {
    return this.order("find", { picture, name });
  }

  /** @param {Picture} picture @param {Blob | null} _source @param {string} keypoint @param {(share: number) => void} onProgress @returns {Promise<Reason>} */
  why(picture, _source, keypoint, onProgress) {
    return this.order("why", { picture, keypoint }, [], onProgress);
  }

  /** @param {string} kind @param {unknown} order @param {Transferable[]} given @param {(share: number) => void} onProgress @returns {Promise<any>} */
  order(kind, order, given = [], onProgress = () => {}) {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve, reject, onProgress });
      this.worker.postMessage({ id, kind, order }, given);
    });
  }

  /** @param {any} said */
  heard({ id, share, done, problem }) {
    const waiting = this.open.get(id);
    if (share !== undefined) return waiting?.onProgress(share);
    this.open.delete(id);
    if (problem === undefined) waiting?.resolve(done);
    else waiting?.reject(new Error(problem));
  }

  /** @param {string} message */
  fail(message) {
    for (const { reject } of this.open.values()) reject(new Error(message));
    this.open.clear();
  }
}
