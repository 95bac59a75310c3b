/**
 * Why a keypoint is where it is, in the browser: cells of the crop are hidden one by one, and the map is read at the keypoint's place again.
 * Then the answer is tested: hiding the cells that it names must cost more than hiding others.
 * @import {Box, CheckLine, Reason} from "./types.d.ts"
 */

export const ACROSS = 7;
const RANDOM_ORDERS = 19; // beating all of them by chance: 1 in 20
const HIDDEN = [1, 2, 4, 8];
const AGREEMENT = 0.5;
const LIMITS = [
  "what `glasspose explain why` shows: this is a coarse and quick answer about one picture",
  "whether a network with shuffled weights would give the same map: that needs the server or the command line",
  "reasons that are in several places at once: hiding one of them changes nothing",
  "whether the keypoint is right",
];

/** The map's value at the keypoint for each crop of RGB bytes. @typedef {(crops: Uint8Array[]) => Promise<number[]>} Read */
/** @typedef {{ top: number, left: number, bottom: number, right: number }} Cell */

/** @param {number} height @param {number} width @param {number} across cells along the height @returns {Cell[]} row by row */
export function grid(height, width, across = ACROSS) {
  const columns = Math.max(1, Math.round((across * width) / height));
  const edge = (/** @type {number} */ i, /** @type {number} */ count, /** @type {number} */ length) => Math.round((i * length) / count);
  return Array.from({ length: across * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const [top, bottom] = [edge(row, across, height), edge(row + 1, across, height)];
    return { top, left: edge(column, columns, width), bottom, right: edge(column + 1, columns, width) };
  });
}

/** A copy with the pixels of some cells from another crop. @param {Uint8Array} crop @param {Uint8Array} fill @param {Cell[]} cells @param {number} width */
export function hidden(crop, fill, cells, width) {
  const changed = crop.slice();
  for (const { top, left, bottom, right } of cells) {
    for (let y = top; y < bottom; y++) changed.set(fill.subarray((y * width + left) * 3, (y * width + right) * 3), (y * width + left) * 3);
  }
  return changed;
}

/**
 * @param {{ crop: Uint8Array, height: number, width: number, padding: number[], point: number[] }} asked the point in input pixels
 * @param {Read} read @param {(share: number) => void} onProgress
 */
export async function occlusion({ crop, height, width, padding, point }, read, onProgress) {
  const cells = grid(height, width);
  const base = (await read([crop]))[0];
  const fills = [flat(crop.length, padding), blurred(crop, height, width)];
  const kept = shuffledPixels(crop, generator(1)); // a way of hiding that the map was not made with
  const total = cells.length * fills.length + (RANDOM_ORDERS + 2) * HIDDEN.length;
  let done = 0;
  const costs = async (/** @type {Uint8Array[]} */ crops) => {
    const found = (await read(crops)).map((value) => base - value);
    onProgress((done += crops.length) / total);
    return found;
  };
  /** @type {number[][]} */
  const drops = [];
  for (const fill of fills) drops.push(await costs(cells.map((cell) => hidden(crop, fill, [cell], width))));
  const values = cells.map((_, i) => (drops[0][i] + drops[1][i]) / 2);
  const paid = async (/** @type {number[]} */ order) => {
    const found = await costs(HIDDEN.map((n) => hidden(crop, kept, order.slice(0, n).map((i) => cells[i]), width)));
    return found.reduce((sum, value) => sum + value, 0) / HIDDEN.length;
  };
  const random = generator(2);
  const own = await paid(falling(values));
  const near = await paid(falling(cells.map((cell) => -distance(cell, point))));
  const others = [];
  for (let i = 0; i < RANDOM_ORDERS; i++) others.push(await paid(falling(cells.map(() => random()))));
  return { values, base, ...verdict(rankCorrelation(drops[0], drops[1]), own, near, others) };
}

/** @param {number} agreement of both ways of hiding @param {number} own what hiding the named cells costs @param {number} near the nearest ones @param {number[]} others random ones */
export function verdict(agreement, own, near, others) {
  const most = Math.max(...others);
  /** @type {CheckLine[]} */
  const checks = [
    { name: "two ways of hiding agree (rank correlation)", passed: agreement >= AGREEMENT, value: agreement, bound: `at least ${AGREEMENT}` },
    { name: "hiding the named cells costs more than random ones", passed: own > most, value: own, bound: `more than ${most.toFixed(4)}, the most of ${others.length}` },
    { name: "and more than the cells nearest to the keypoint", passed: own > near, value: own, bound: `more than ${near.toFixed(4)}` },
  ];
  const failed = !checks[0].passed || !checks[1].passed;
  return { checks, verdict: failed ? "NOT FAITHFUL" : checks[2].passed ? "FAITHFUL" : "LOCAL ONLY" };
}

/** @param {Awaited<ReturnType<typeof occlusion>>} found @param {string} keypoint @param {Box} box @param {number} height @param {number} width @returns {Reason} */
export function reason(found, keypoint, box, height, width) {
  const columns = found.values.length / ACROSS;
  const strongest = falling(found.values)[0];
  const cell = grid(height, width)[strongest];
  const lost = Math.max(0, found.values[strongest] / Math.max(found.base, 1e-6));
  const step = (box[3] - box[1]) / height;
  const [x, y] = [box[0] + (step * (cell.left + cell.right)) / 2, box[1] + (step * (cell.top + cell.bottom)) / 2];
  const place = `the ${Math.round(step * (cell.bottom - cell.top))} px around (${Math.round(x)}, ${Math.round(y)})`;
  return {
    keypoint,
    method: `occlusion, ${columns} x ${ACROSS} cells, in this browser`,
    answer: `Hiding ${place} takes ${Math.round(100 * lost)} % of the confidence at ${keypoint.replaceAll("_", " ")} away, more than any other cell.`,
    verdict: found.verdict,
    checks: found.checks,
    limits: LIMITS,
    box,
    overlay: null,
    cells: { rows: ACROSS, columns, values: found.values },
  };
}

/** Places of values, the highest first. @param {number[]} values */
export function falling(values) {
  return values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
}

/** Spearman's, ties by their mean rank. @param {number[]} a @param {number[]} b */
export function rankCorrelation(a, b) {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (a.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((rank, i) => {
    xy += (rank - mean) * (y[i] - mean);
    xx += (rank - mean) ** 2;
    yy += (y[i] - mean) ** 2;
  });
  return xx && yy ? xy / Math.sqrt(xx * yy) : 0;
}

/** @param {number[]} values */
function ranks(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2);
}

/** @param {Cell} cell @param {number[]} point */
function distance(cell, [x, y]) {
  return Math.hypot((cell.left + cell.right - 1) / 2 - x, (cell.top + cell.bottom - 1) / 2 - y);
}

/** @param {number} length @param {number[]} colour */
function flat(length, colour) {
  return Uint8Array.from({ length }, (_, i) => colour[i % 3]);
}

/** Means over a window of a quarter of the height, along both axes. @param {Uint8Array} crop @param {number} height @param {number} width */
function blurred(crop, height, width) {
  const reach = Math.max(1, Math.round(height / 8));
  const across = windowed(crop, height, width, 3, width * 3, reach);
  return Uint8Array.from(windowed(across, width, height, width * 3, 3, reach), Math.round);
}

/** @param {ArrayLike<number>} from @param {number} lines @param {number} length of a line @param {number} step along a line @param {number} jump from line to line @param {number} reach */
function windowed(from, lines, length, step, jump, reach) {
  const made = new Float64Array(from.length);
  for (let line = 0; line < lines; line++) {
    for (let channel = 0; channel < 3; channel++) {
      const at = (/** @type {number} */ i) => line * jump + Math.min(Math.max(i, 0), length - 1) * step + channel;
      let sum = 0;
      for (let i = -reach; i <= reach; i++) sum += from[at(i)];
      for (let i = 0; i < length; i++) {
        made[at(i)] = sum / (2 * reach + 1);
        sum += from[at(i + reach + 1)] - from[at(i - reach)];
      }
    }
  }
  return made;
}

/** The same pixels in another order. @param {Uint8Array} crop @param {() => number} random */
function shuffledPixels(crop, random) {
  const made = crop.slice();
  for (let i = crop.length / 3 - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    for (let channel = 0; channel < 3; channel++) {
      [made[3 * i + channel], made[3 * j + channel]] = [made[3 * j + channel], made[3 * i + channel]];
    }
  }
  return made;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). @param {number} seed */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
