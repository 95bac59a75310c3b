import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { second, whole } from "../src/framing.js";
import { compose, cropMatrix, extent, fitAspect, inside, invert, resizeMatrix, transform } from "../src/geometry.js";
import { find } from "../src/pipeline.js";
import { interpolated, poses } from "../src/poses.js";
import { averaged, warp } from "../src/warp.js";

if (!process.env.VECTORS) throw new Error("VECTORS names no file: run `python -m pytest tests/web`, which writes it");
const vectors = JSON.parse(readFileSync(process.env.VECTORS, "utf8"));

function near(found, wanted, most = 1e-9) {
  assert.equal(found.length, wanted.length);
  found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) <= most * Math.max(1, Math.abs(wanted[i])), `${found} is not ${wanted}`));
}

function rgba({ size: [height, width], image }) {
  const rgb = Buffer.from(image, "base64");
  const data = new Uint8ClampedArray(height * width * 4).fill(255);
  for (let i = 0; i < height * width; i++) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return { width, height, data };
}

test("geometry is Python's", () => {
  for (const { box, size, points, fitted, matrix, back, composed, extent: around, inside: within } of vectors.geometry) {
    near(fitAspect(box, ...size, 1.25), fitted);
    near(cropMatrix(fitted, ...size), matrix);
    near(invert(matrix), back);
    near(compose(resizeMatrix(...size, 40, 50), matrix), composed);
    near(extent(points), around);
    assert.deepEqual(points.map((point) => inside(point, ...size)), within);
    near(transform(transform(points[0], matrix), invert(matrix)), points[0], 1e-6);
  }
});

test("crops are Python's, to one level in at most one of five hundred places", () => {
  for (const vector of vectors.pictures) {
    const crop = warp(rgba(vector), cropMatrix(vector.box, 64, 48), 64, 48, vectors.card.input.padding);
    const wanted = Buffer.from(vector.crop, "base64");
    const off = [...crop].map((level, i) => Math.abs(level - wanted[i]));
    assert.equal(crop.length, wanted.length);
    assert.ok(Math.max(...off) <= 1, `${vector.size}: off by ${Math.max(...off)}`);
    assert.ok(off.filter(Boolean).length <= off.length / 500, `${vector.size}: ${off.filter(Boolean).length} of ${off.length} differ`);
  }
});

test("means keep a flat colour and the mean of all", () => {
  const flat = { width: 7, height: 5, data: new Uint8ClampedArray(7 * 5 * 4).fill(77) };
  assert.ok([...averaged(flat, 2, 3).data].every((level, i) => level === (i % 4 === 3 ? 255 : 77)));
});

test("the second crop is Python's", () => {
  for (const { size, points, scores, second: wanted } of vectors.answers) near(second(vectors.card, { points, scores }, ...size), wanted);
});

test("the JSON is Python's", () => {
  for (const { size, points, scores, poses: wanted } of vectors.answers) {
    const made = poses(vectors.card, { points, scores }, "a.jpg", ...size);
    assert.equal(made.people.length, wanted.people.length);
    assert.deepEqual(Object.keys(made), Object.keys(wanted));
    made.people.forEach((person, n) => {
      near([...person.box, person.score], [...wanted.people[n].box, wanted.people[n].score], 0.011);
      for (const [name, keypoint] of Object.entries(person.keypoints)) {
        const other = wanted.people[n].keypoints[name];
        assert.deepEqual(Object.keys(keypoint), Object.keys(other));
        assert.equal(keypoint.seen, other.seen);
        for (const key of ["x", "y", "score", "probability", "radius"]) assert.ok(Math.abs(keypoint[key] - other[key]) < 0.011, `${name} ${key}`);
      }
    });
  }
});

test("between knots a line, beyond them their ends", () => {
  const knots = [[0.2, 0.1], [0.4, 0.5]];
  near([0, 0.2, 0.3, 0.4, 1].map((score) => interpolated(score, knots)), [0.1, 0.1, 0.3, 0.5, 0.5]);
});

test("two passes: the second crop comes from the first, and places come back in image pixels", async () => {
  const card = vectors.card;
  const picture = { width: 400, height: 300, data: new Uint8ClampedArray(400 * 300 * 4).fill(128) };
  const crops = [];
  const ask = async (crop, count) => {
    crops.push([...crop]);
    return Array.from({ length: count }, () => ({ points: card.skeleton.keypoints.map((_, k) => [60 + k / 2, 40 + 4 * k]), scores: card.skeleton.keypoints.map(() => 0.9) }));
  };
  const { poses: made, box } = await find(picture, "x", card, ask);
  assert.equal(crops.length, 2);
  assert.ok(crops[0].includes(124) && crops[0].length === 128 * 128 * 3); // the whole picture has bars of padding
  const [x1, y1, x2] = whole(card, 300, 400);
  assert.ok(box[2] - box[0] < x2 - x1);
  const step = (box[2] - box[0]) / 128;
  assert.ok(Math.abs(made.people[0].keypoints.right_ankle.x - (box[0] + 60.5 * step - 0.5)) < 0.001);
  assert.ok(y1 < 0);
});
