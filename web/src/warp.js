/**
 * Cutting out crops as geometry.py's `warp` does: whole pixels averaged first where it shrinks by two or more, then bilinear sampling.
 * @import {Matrix, Picture} from "./types.d.ts"
 */
import { compose, invert, resizeMatrix, scaleOf } from "./geometry.js";

/** RGB bytes of height x width; `padding` where the picture has no pixels. @param {Picture} picture @param {Matrix} matrix @param {number} height @param {number} width @param {number[]} padding */
export function warp(picture, matrix, height, width, padding) {
  const shrink = Math.trunc(1 / Math.max(scaleOf(matrix), 1e-6));
  if (shrink < 2) return sampled(picture, invert(matrix), height, width, padding);
  const small = averaged(picture, Math.max(1, Math.ceil(picture.height / shrink)), Math.max(1, Math.ceil(picture.width / shrink)));
  const toSmall = resizeMatrix(picture.height, picture.width, small.height, small.width);
  return sampled(small, invert(compose(matrix, invert(toSmall))), height, width, padding);
}

/** Smaller by area-weighted means, as OpenCV's INTER_AREA. @param {Picture} picture @param {number} height @param {number} width @returns {Picture} */
export function averaged(picture, height, width) {
  const rows = shares(picture.height, height);
  const columns = shares(picture.width, width);
  const line = new Float64Array(picture.width * 3);
  const data = new Uint8ClampedArray(height * width * 4);
  // a clamped array rounds halves to even, as OpenCV does, but for blocks of 2 x 2, whose halves it rounds up
  const up = picture.height === 2 * height && picture.width === 2 * width ? 1 / 8 : 0;
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (const [row, share] of rows[y]) addRow(line, picture.data, row * picture.width * 4, share);
    for (let x = 0; x < width; x++) {
      let [r, g, b] = [0, 0, 0];
      for (const [column, share] of columns[x]) {
        r += share * line[3 * column];
        g += share * line[3 * column + 1];
        b += share * line[3 * column + 2];
      }
      data.set([r + up, g + up, b + up, 255], (y * width + x) * 4);
    }
  }
  return { width, height, data };
}

/** @param {Float64Array} line @param {Uint8ClampedArray} data @param {number} start @param {number} share */
function addRow(line, data, start, share) {
  for (let i = 0, at = start; i < line.length; i += 3, at += 4) {
    line[i] += share * data[at];
    line[i + 1] += share * data[at + 1];
    line[i + 2] += share * data[at + 2];
  }
}

/** For each new pixel, the old ones that it covers and what share of it each has. @param {number} before @param {number} after @returns {[number, number][][]} */
function shares(before, after) {
  const step = before / after;
  return Array.from({ length: after }, (_, i) => {
    const [low, high] = [i * step, Math.min((i + 1) * step, before)];
    /** @type {[number, number][]} */
    const found = [];
    for (let j = Math.floor(low); j < Math.min(Math.ceil(high), before); j++) {
      found.push([j, (Math.min(high, j + 1) - Math.max(low, j)) / (high - low)]);
    }
    return found;
  });
}

/** @param {Picture} picture @param {Matrix} back from the crop's pixels to the picture's @param {number} height @param {number} width @param {number[]} padding */
function sampled(picture, back, height, width, padding) {
  const crop = new Uint8ClampedArray(height * width * 3);
  for (let v = 0, to = 0; v < height; v++) {
    for (let u = 0; u < width; u++, to += 3) {
      const x = back[0] * u + back[1] * v + back[2];
      const y = back[3] * u + back[4] * v + back[5];
      mix(picture, x, y, padding, crop, to);
    }
  }
  return new Uint8Array(crop.buffer);
}

/** One bilinear sample, written at `to`. @param {Picture} picture @param {number} x @param {number} y @param {number[]} padding @param {Uint8ClampedArray} crop @param {number} to */
function mix(picture, x, y, padding, crop, to) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, below] = [x - left, y - top];
  for (let channel = 0; channel < 3; channel++) {
    const a = level(picture, left, top, channel, padding);
    const b = level(picture, left + 1, top, channel, padding);
    const c = level(picture, left, top + 1, channel, padding);
    const d = level(picture, left + 1, top + 1, channel, padding);
    crop[to + channel] = (a * (1 - right) + b * right) * (1 - below) + (c * (1 - right) + d * right) * below;
  }
}

/** @param {Picture} picture @param {number} x @param {number} y @param {number} channel @param {number[]} padding */
function level(picture, x, y, channel, padding) {
  const within = x >= 0 && y >= 0 && x < picture.width && y < picture.height;
  return within ? picture.data[(y * picture.width + x) * 4 + channel] : padding[channel];
}
