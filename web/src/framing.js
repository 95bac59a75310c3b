/**
 * Which part of the picture the second pass is shown, by the rule of docs/export.md.
 * @import {Box, Card, Told} from "./types.d.ts"
 */
import { extent, fitAspect, inside } from "./geometry.js";

/** @param {Card} card @returns {[number, number]} height, width of the network's input */
export function inputSize(card) {
  return [card.input.shape[1], card.input.shape[2]];
}

/** @param {Card} card @param {number} height @param {number} width @returns {Box} */
export function whole(card, height, width) {
  return fitAspect([0, 0, width, height], ...inputSize(card));
}

/** Which keypoints the model holds to be in the picture. @param {Card} card @param {Told} told in image pixels @param {number} height @param {number} width @param {number} share of the thresholds */
export function seen(card, told, height, width, share = 1) {
  return told.scores.map((score, k) => score >= share * card.calibration.seen[k] && inside(told.points[k], height, width));
}

/** @param {Card} card @param {Told} told the first pass, in image pixels @param {number} height @param {number} width @returns {Box} */
export function second(card, told, height, width) {
  const rule = card.framing;
  const sure = seen(card, told, height, width);
  const likely = seen(card, told, height, width, rule.likely);
  const below = told.scores.map((_, k) => rule.lower_body.includes(k));
  const chosen = told.points.filter((_, k) => likely[k]);
  const above = told.points.filter((_, k) => likely[k] && !below[k]);
  const portrait = below.some(Boolean) && below.filter((low, k) => low && sure[k]).length < rule.fewest_below;
  if (portrait && above.length >= rule.fewest) return fitAspect(extent(above), ...inputSize(card), rule.portrait_margin);
  return chosen.length >= rule.fewest ? fitAspect(extent(chosen), ...inputSize(card), rule.margin) : whole(card, height, width);
}
