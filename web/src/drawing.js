/**
 * Skeletons over pictures, in the colours of drawing.py: blue is the person's left, orange the right, grey between, all with a white edge.
 * @import {PersonJson, PosesJson, Reason, Skeleton} from "./types.d.ts"
 */

const [LEFT, RIGHT, MIDDLE, EDGE] = ["rgb(0,114,178)", "rgb(230,97,0)", "rgb(110,110,110)", "#fff"];

/** @typedef {{ shows: (person: PersonJson, name: string) => boolean, width: number, faded: boolean, marked: string | null }} Style */

/** @param {Skeleton} skeleton @param {number} k */
export function side(skeleton, k) {
  if (skeleton.pairs.some(([left]) => left === k)) return LEFT;
  return skeleton.pairs.some(([, right]) => right === k) ? RIGHT : MIDDLE;
}

/** @param {Skeleton} skeleton @param {number} a @param {number} b */
function limbColour(skeleton, a, b) {
  const sides = new Set([side(skeleton, a), side(skeleton, b)].filter((colour) => colour !== MIDDLE));
  return sides.size === 1 ? [...sides][0] : MIDDLE;
}

/** @param {CanvasRenderingContext2D} pen @param {PosesJson} poses @param {Skeleton} skeleton @param {Style} style */
export function draw(pen, poses, skeleton, style) {
  pen.lineCap = "round";
  // pixel centres lie at integers there, at halves here
  pen.setTransform(1, 0, 0, 1, 0.5, 0.5);
  for (const person of poses.people) drawPerson(pen, poses, person, skeleton, style);
  pen.setTransform(1, 0, 0, 1, 0, 0);
}

/** @param {CanvasRenderingContext2D} pen @param {PosesJson} poses @param {PersonJson} person @param {Skeleton} skeleton @param {Style} style */
function drawPerson(pen, poses, person, skeleton, style) {
  const names = skeleton.keypoints;
  const at = (/** @type {number} */ k) => person.keypoints[names[k]];
  const shown = names.map((name) => style.shows(person, name));
  const width = lineWidth(poses, person, shown, names) * style.width;
  names.forEach((name, k) => {
    if (style.faded && !shown[k]) ring(pen, at(k), 1.3 * width, side(skeleton, k), width / 2);
  });
  const limbs = skeleton.limbs.filter(([a, b]) => shown[a] && shown[b]);
  for (const edge of [true, false]) {
    const grown = edge ? Math.max(0.2 * width, 0.75) : 0;
    for (const [a, b] of limbs) line(pen, at(a), at(b), edge ? EDGE : limbColour(skeleton, a, b), width + 2 * grown);
    names.forEach((_, k) => shown[k] && dot(pen, at(k), 1.1 * width + grown, edge ? EDGE : side(skeleton, k)));
  }
  const marked = style.marked === null ? undefined : person.keypoints[style.marked];
  if (marked) {
    ring(pen, marked, 3 * width, "#000", Math.max(width, 2), 1);
    ring(pen, marked, 3 * width, "#ffd60a", Math.max(width / 2, 1), 1);
  }
}

/** A share of the person's size, but visible when the whole picture is looked at. @param {PosesJson} poses @param {PersonJson} person @param {boolean[]} shown @param {string[]} names */
function lineWidth(poses, person, shown, names) {
  const known = names.filter((_, k) => shown[k]).map((name) => person.keypoints[name]);
  const longest = Math.max(poses.width, poses.height);
  const reach = (/** @type {number[]} */ values) => Math.max(...values) - Math.min(...values);
  const extent = known.length > 1 ? Math.max(reach(known.map(({ x }) => x)), reach(known.map(({ y }) => y))) : 0.2 * longest;
  const size = Math.min(extent, longest) || 0.2 * longest;
  return Math.max(size / 60, Math.min(longest / 600, size / 20), 1);
}

/** @typedef {{ x: number, y: number }} Place */

/** @param {CanvasRenderingContext2D} pen @param {Place} a @param {Place} b @param {string} colour @param {number} width */
function line(pen, a, b, colour, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(a.x, a.y);
  pen.lineTo(b.x, b.y);
  pen.stroke();
}

/** @param {CanvasRenderingContext2D} pen @param {Place} at @param {number} radius @param {string} colour */
function dot(pen, at, radius, colour) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(at.x, at.y, radius, 0, 2 * Math.PI);
  pen.fill();
}

/** @param {CanvasRenderingContext2D} pen @param {Place} at @param {number} radius @param {string} colour @param {number} width @param {number} strength */
function ring(pen, at, radius, colour, width, strength = 0.6) {
  pen.globalAlpha = strength;
  for (const [stroke, wide] of /** @type {[string, number][]} */ ([[EDGE, width * 2], [colour, width]])) {
    pen.strokeStyle = stroke;
    pen.lineWidth = wide;
    pen.beginPath();
    pen.arc(at.x, at.y, radius, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

/** The overlay of an explanation over its box: the server's picture, or the cells that were hidden here. @param {CanvasRenderingContext2D} pen @param {Reason} reason @param {ImageBitmap | HTMLCanvasElement} picture @param {number} strength 0 to 1 @param {number} scale of the shown picture */
export function overlay(pen, reason, picture, strength, scale) {
  const [x1, y1, x2, y2] = reason.box.map((value) => value * scale);
  pen.save();
  pen.globalAlpha = strength;
  pen.imageSmoothingEnabled = reason.cells === null;
  pen.drawImage(picture, x1, y1, x2 - x1, y2 - y1);
  pen.restore();
}

/** Cells as a small picture: the more hiding one costs the stronger its red, blue where hiding it helps. @param {{ rows: number, columns: number, values: number[] }} cells */
export function heat({ rows, columns, values }) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const most = Math.max(...values.map(Math.abs), 1e-6);
  const image = pen.createImageData(columns, rows);
  values.forEach((value, i) => image.data.set([...(value > 0 ? [215, 0, 40] : [0, 90, 200]), Math.round((235 * Math.abs(value)) / most)], 4 * i));
  pen.putImageData(image, 0, 0);
  return canvas;
}
