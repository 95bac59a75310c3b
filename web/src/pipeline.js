/**
 * Picture to poses: predict's two passes. The network itself is behind `ask`.
 * @import {Ask, Box, Card, Picture, PosesJson, Told} from "./types.d.ts"
 */
import { inputSize, second, whole } from "./framing.js";
import { cropMatrix, invert, transform } from "./geometry.js";
import { poses } from "./poses.js";
import { warp } from "./warp.js";

/** @param {Picture} picture @param {string} name @param {Card} card @param {Ask} ask @returns {Promise<{ poses: PosesJson, box: Box }>} with the box of the second crop */
export async function find(picture, name, card, ask) {
  const first = await about(picture, whole(card, picture.height, picture.width), card, ask);
  const box = second(card, first, picture.height, picture.width);
  const told = await about(picture, box, card, ask);
  return { poses: poses(card, told, name, picture.height, picture.width), box };
}

/** The network's answer to one crop, in image pixels. @param {Picture} picture @param {Box} box @param {Card} card @param {Ask} ask @returns {Promise<Told>} */
async function about(picture, box, card, ask) {
  const [told] = await ask(cut(picture, box, card), 1);
  const back = invert(cropMatrix(box, ...inputSize(card)));
  return { points: told.points.map((point) => transform(point, back)), scores: told.scores };
}

/** The crop's RGB bytes. @param {Picture} picture @param {Box} box @param {Card} card */
export function cut(picture, box, card) {
  const [height, width] = inputSize(card);
  return warp(picture, cropMatrix(box, height, width), height, width, card.input.padding);
}
