/**
 * Answers in the one JSON form of a prediction (docs/schemas/poses.schema.json), with the probabilities and radii of calibrated weights.
 * @import {Card, KeypointJson, Point, PosesJson, Told, Trust} from "./types.d.ts"
 */
import { seen } from "./framing.js";
import { extent } from "./geometry.js";

/** @param {Card} card @param {Told} told the second pass, in image pixels @param {string} image its name @param {number} height @param {number} width @returns {PosesJson} */
export function poses(card, told, image, height, width) {
  const made = { format: "glasspose.poses", version: 1, image, width, height };
  const score = personScore(told.scores, card.framing.strongest);
  if (score < card.calibration.person) return { ...made, people: [] };
  const shown = seen(card, told, height, width);
  const box = shown.some(Boolean) ? extent(told.points.filter((_, k) => shown[k])) : [0, 0, 0, 0];
  const trust = card.calibration.trust?.flip_test === card.flip_test ? card.calibration.trust : undefined;
  const keypoints = Object.fromEntries(card.skeleton.keypoints.map((name, k) => [name, keypoint(told, shown, k, trust)]));
  return { ...made, people: [{ box: box.map((value) => rounded(value, 2)), score: rounded(score, 4), keypoints }] };
}

/** The mean of the strongest scores. @param {number[]} scores @param {number} strongest */
export function personScore(scores, strongest) {
  const highest = [...scores].sort((a, b) => b - a).slice(0, strongest);
  return highest.reduce((sum, score) => sum + score, 0) / highest.length;
}

/** @param {Told} told @param {boolean[]} shown @param {number} k @param {Trust | undefined} trust @returns {KeypointJson} */
function keypoint(told, shown, k, trust) {
  const [x, y] = told.points[k];
  const made = { x: rounded(x, 3), y: rounded(y, 3), score: rounded(told.scores[k], 4), seen: shown[k] };
  if (!trust) return made;
  const probability = interpolated(told.scores[k], trust.probability[k]);
  return { ...made, probability: rounded(probability, 4), radius: rounded(radius(told.points, shown[k], k, trust), 2) };
}

/** Between knots a line, beyond them their ends. @param {number} score @param {[number, number][]} knots */
export function interpolated(score, knots) {
  const next = knots.findIndex(([x]) => x > score);
  if (next === 0) return knots[0][1];
  if (next < 0) return knots[knots.length - 1][1];
  const [[x0, y0], [x1, y1]] = [knots[next - 1], knots[next]];
  return y0 + ((score - x0) / (x1 - x0)) * (y1 - y0);
}

/** Image pixels. @param {Point[]} points @param {boolean} shown @param {number} k @param {Trust} trust */
function radius(points, shown, k, trust) {
  const [x1, y1, x2, y2] = extent(points);
  const sides = [x2 - 1 - x1, y2 - 1 - y1];
  const longer = Math.max(...sides, 1);
  const size = Math.sqrt(longer * Math.max(Math.min(...sides), 0.25 * longer));
  return trust.radius[k][2 * Number(shown) + Number(size >= trust.large)] * size;
}

/** @param {number} value @param {number} digits */
function rounded(value, digits) {
  return Number(value.toFixed(digits)) + 0; // no negative zero
}
