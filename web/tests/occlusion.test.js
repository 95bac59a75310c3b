import assert from "node:assert/strict";
import test from "node:test";

import { ACROSS, falling, generator, grid, hidden, occlusion, rankCorrelation, reason, verdict } from "../src/occlusion.js";

const [HEIGHT, WIDTH] = [56, 56];

/** A crop of even colours, and a reader that answers how much of one cell's red is left. */
function planted(spot) {
  const crop = Uint8Array.from({ length: HEIGHT * WIDTH * 3 }, (_, i) => (i * 7919) % 251);
  const cell = grid(HEIGHT, WIDTH)[spot];
  for (let y = cell.top; y < cell.bottom; y++) for (let x = cell.left; x < cell.right; x++) crop.set([255, 0, 0], (y * WIDTH + x) * 3);
  const read = async (crops) =>
    crops.map((told) => {
      let found = 0;
      for (let y = cell.top; y < cell.bottom; y++) for (let x = cell.left; x < cell.right; x++) found += told[(y * WIDTH + x) * 3] > 250 && told[(y * WIDTH + x) * 3 + 1] < 5;
      return found / 64;
    });
  return { crop, read };
}

const asked = (crop, point) => ({ crop, height: HEIGHT, width: WIDTH, padding: [124, 116, 104], point });

test("cells tile the crop", () => {
  for (const [height, width] of [[128, 128], [256, 192], [64, 96]]) {
    const seen = new Uint8Array(height * width);
    for (const { top, left, bottom, right } of grid(height, width)) for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) seen[y * width + x]++;
    assert.ok(seen.every((count) => count === 1));
  }
});

test("hiding changes those pixels alone", () => {
  const crop = new Uint8Array(8 * 8 * 3).fill(9);
  const changed = hidden(crop, new Uint8Array(8 * 8 * 3), [{ top: 2, left: 3, bottom: 4, right: 5 }], 8);
  assert.equal(changed.filter((level) => level === 0).length, 2 * 2 * 3);
  assert.ok(crop.every((level) => level === 9));
});

test("the planted cell is found", async () => {
  const { crop, read } = planted(10);
  let last = 0;
  const found = await occlusion(asked(crop, [50, 50]), read, (share) => (last = share));
  assert.equal(falling(found.values)[0], 10);
  assert.ok(Math.abs(last - 1) < 1e-9);
  assert.ok(found.values[10] > 0.9);
  assert.ok(found.checks[1].passed && found.checks[2].passed);
});

test("where the evidence lies at the keypoint itself, no more than that is claimed", async () => {
  const { crop, read } = planted(24);
  const found = await occlusion(asked(crop, [27.5, 27.5]), read, () => {});
  assert.equal(found.checks[2].passed, false);
});

test("a reader that looks at nothing gets no reason", async () => {
  const { crop } = planted(10);
  const random = generator(5);
  const found = await occlusion(asked(crop, [5, 5]), async (crops) => crops.map(() => 0.5 + 0.01 * random()), () => {});
  assert.equal(found.verdict, "NOT FAITHFUL");
  assert.equal((await occlusion(asked(crop, [5, 5]), async (crops) => crops.map(() => 0.5), () => {})).verdict, "NOT FAITHFUL");
});

test("the three verdicts", () => {
  assert.equal(verdict(0.9, 0.5, 0.4, [0.1, 0.2]).verdict, "FAITHFUL");
  assert.equal(verdict(0.9, 0.5, 0.5, [0.1, 0.2]).verdict, "LOCAL ONLY");
  assert.equal(verdict(0.9, 0.5, 0.4, [0.1, 0.5]).verdict, "NOT FAITHFUL");
  assert.equal(verdict(0.3, 0.5, 0.4, [0.1, 0.2]).verdict, "NOT FAITHFUL");
});

test("rank correlation, ties by their mean rank", () => {
  assert.equal(rankCorrelation([1, 2, 3], [10, 20, 30]), 1);
  assert.equal(rankCorrelation([1, 2, 3], [3, 2, 1]), -1);
  assert.equal(rankCorrelation([1, 1, 1], [1, 2, 3]), 0);
  assert.ok(Math.abs(rankCorrelation([1, 2, 2, 4], [1, 3, 2, 4]) - 0.9486832980505138) < 1e-12); // scipy.stats.spearmanr
});

test("the answer speaks of the picture's pixels", () => {
  const values = Array.from({ length: ACROSS * ACROSS }, (_, i) => (i === 24 ? 0.3 : 0));
  const told = reason({ values, base: 0.6, checks: [], verdict: "FAITHFUL" }, "left_hip", [100, 200, 212, 312], HEIGHT, WIDTH);
  assert.match(told.answer, /the 16 px around \(156, 256\) takes 50 % of the confidence at left hip/);
});
