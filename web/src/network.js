/**
 * The exported network in onnxruntime-web: loaded, checked against PyTorch's answer to one crop, asked.
 * @import {Card, Told} from "./types.d.ts"
 */
import { inputSize } from "./framing.js";

/** @typedef {{ crop: string, keypoints: number[][], scores: number[], seen: boolean[] }} Witness base64 of the crop's RGB bytes, and what PyTorch says */
/** @typedef {import("onnxruntime-web").InferenceSession} Session */

export const ENGINES = {
  webgpu: { module: "ort.webgpu.min.mjs", runtime: "ort-wasm-simd-threaded.asyncify" },
  wasm: { module: "ort.wasm.min.mjs", runtime: "ort-wasm-simd-threaded" },
};
const FARTHEST = 0.05; // input pixels, the bound of every export
const AT_ONCE = 8;

/** One network in one engine. */
export class Network {
  /** @param {Card} card @param {Session} session @param {typeof import("onnxruntime-web")} ort @param {keyof typeof ENGINES} engine */
  constructor(card, session, ort, engine) {
    this.card = card;
    this.engine = engine;
    this.threads = ort.env.wasm.numThreads ?? 1;
    this.shift = 0;
    this.session = session;
    this.ort = ort;
  }

  /** Places and scores. @param {Uint8Array} crops @param {number} count @returns {Promise<Told[]>} */
  async ask(crops, count) {
    const { keypoints, scores } = await this.run(crops, count, ["keypoints", "scores"]);
    const K = this.card.skeleton.keypoints.length;
    return Array.from({ length: count }, (_, n) => ({
      points: Array.from({ length: K }, (_, k) => [keypoints[2 * (n * K + k)], keypoints[2 * (n * K + k) + 1]]),
      scores: Array.from(scores.subarray(n * K, (n + 1) * K)),
    }));
  }

  /** The value of keypoint k's map at one of its pixels, for each crop. @param {Uint8Array[]} crops @param {number} k @param {number[]} point input pixels */
  async read(crops, k, point) {
    /** @type {number[]} */
    const values = [];
    for (let start = 0; start < crops.length; start += AT_ONCE) {
      const part = crops.slice(start, start + AT_ONCE);
      const joined = new Uint8Array(part.length * part[0].length);
      part.forEach((crop, i) => joined.set(crop, i * crop.length));
      const { heatmaps } = await this.run(joined, part.length, ["heatmaps"]);
      const [height, width] = inputSize(this.card).map((length) => length / 4);
      const column = Math.min(Math.max(Math.round((point[0] + 0.5) / 4 - 0.5), 0), width - 1);
      const row = Math.min(Math.max(Math.round((point[1] + 0.5) / 4 - 0.5), 0), height - 1);
      const K = this.card.skeleton.keypoints.length;
      part.forEach((_, n) => values.push(heatmaps[((n * K + k) * height + row) * width + column]));
    }
    return values;
  }

  /** @param {Uint8Array} crops @param {number} count @param {string[]} names @returns {Promise<Record<string, Float32Array>>} */
  async run(crops, count, names) {
    const images = new this.ort.Tensor("uint8", crops, [count, ...inputSize(this.card), 3]);
    const answer = await this.session.run({ [this.card.input.name]: images }, names);
    return Object.fromEntries(names.map((name) => [name, /** @type {Float32Array} */ (answer[name].data)]));
  }

  /** Holds this engine on this machine against PyTorch. Error where they differ. @param {Witness} witness */
  async check(witness) {
    const [told] = await this.ask(Uint8Array.from(atob(witness.crop), (letter) => letter.charCodeAt(0)), 1);
    const shifts = told.points.map(([x, y], k) => (witness.seen[k] ? Math.hypot(x - witness.keypoints[k][0], y - witness.keypoints[k][1]) : 0));
    this.shift = Math.max(...shifts);
    if (!(this.shift <= FARTHEST)) throw new Error(`${this.engine} answers ${this.shift.toFixed(2)} px away from PyTorch on this device`);
  }
}

/**
 * @param {string} folder address of the device folder @param {string} version of onnxruntime-web
 * @param {keyof typeof ENGINES} engine @param {(share: number) => void} onProgress
 */
export async function load(folder, version, engine, onProgress) {
  const card = await fetched(`${folder}pose.onnx.json`, (answer) => answer.json());
  const witness = await fetched(`${folder}check.json`, (answer) => answer.json());
  const bytes = await fetched(`${folder}pose.onnx?${card.file.sha256}`, (answer) => received(answer, card.file.bytes, onProgress));
  await checkSum(bytes, card.file.sha256);
  const { module, runtime } = ENGINES[engine];
  const home = `${folder}ort-${version}/`;
  const ort = await import(home + module);
  ort.env.wasm.wasmPaths = { mjs: `${home}${runtime}.mjs`, wasm: `${home}${runtime}.wasm` };
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [engine], graphOptimizationLevel: "all" });
  const network = new Network(card, session, ort, engine);
  await network.check(witness);
  return network;
}

/** @template T @param {string} address @param {(answer: Response) => Promise<T>} read @returns {Promise<T>} */
async function fetched(address, read) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.split("/").pop()?.split("?")[0]} is not there (${answer.status})`);
  return read(answer);
}

/** @param {Response} answer @param {number} length @param {(share: number) => void} onProgress */
async function received(answer, length, onProgress) {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > length) throw new Error("the network's file is longer than its sidecar says");
    bytes.set(value, at);
    onProgress((at += value.length) / length);
  }
  return bytes.subarray(0, at);
}

/** Only where the page came over HTTPS or from this machine do browsers have checksums. @param {Uint8Array<ArrayBuffer>} bytes @param {string} wanted */
async function checkSum(bytes, wanted) {
  if (!globalThis.crypto?.subtle) return;
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== wanted) throw new Error("the network's file is damaged: its checksum is not the sidecar's");
}
