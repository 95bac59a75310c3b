/**
 * The network beside the page, so that the page stays alive while it works. Orders come as messages with a number, answers carry it.
 * @import {Picture} from "./types.d.ts"
 */
import { inputSize } from "./framing.js";
import { cropMatrix, transform } from "./geometry.js";
import { load } from "./network.js";
import { occlusion, reason } from "./occlusion.js";
import { cut, find } from "./pipeline.js";

/** @type {import("./network.js").Network | undefined} */
let network;

/** @type {Record<string, (order: any, onProgress: (share: number) => void) => Promise<unknown>>} */
const ORDERS = {
  async load({ folder, version, engine }, onProgress) {
    network = await load(folder, version, engine, onProgress);
    return { card: network.card, engine, threads: network.threads, shift: network.shift };
  },
  async find({ picture, name }) {
    const { card, ask } = ready();
    return (await find(picture, name, card, ask)).poses;
  },
  async why({ picture, keypoint }, onProgress) {
    const { card, ask, read } = ready();
    const { poses, box } = await find(picture, "", card, ask);
    const [height, width] = inputSize(card);
    const k = card.skeleton.keypoints.indexOf(keypoint);
    const known = poses.people[0]?.keypoints[keypoint];
    if (!known) throw new Error("nobody was found in this picture");
    const point = transform([known.x, known.y], cropMatrix(box, height, width));
    const asked = { crop: cut(picture, box, card), height, width, padding: card.input.padding, point };
    const found = await occlusion(asked, (crops) => read(crops, k, point), onProgress);
    return reason(found, keypoint, box, height, width);
  },
};

function ready() {
  const loaded = network;
  if (!loaded) throw new Error("the network is not loaded");
  return {
    card: loaded.card,
    ask: (/** @type {Uint8Array} */ crops, /** @type {number} */ count) => loaded.ask(crops, count),
    read: (/** @type {Uint8Array[]} */ crops, /** @type {number} */ k, /** @type {number[]} */ point) => loaded.read(crops, k, point),
  };
}

self.addEventListener("message", async ({ data: { id, kind, order } }) => {
  try {
    const done = await ORDERS[kind](order, (share) => self.postMessage({ id, share }));
    self.postMessage({ id, done });
  } catch (problem) {
    self.postMessage({ id, problem: problem instanceof Error ? problem.message : String(problem) });
  }
});
