/**
 * Where pixels are, as in geometry.py: pixel centres lie at integers, boxes are corner-based.
 * @import {Matrix, Box, Point} from "./types.d.ts"
 */

/** @param {Point} point @param {Matrix} m @returns {Point} */
export function transform([x, y], m) {
  return [m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]];
}

/** The matrix that undoes another. @param {Matrix} m @returns {Matrix} */
export function invert([a, b, c, d, e, f]) {
  const determinant = a * e - b * d;
  const [p, q, r, s] = [e / determinant, -b / determinant, -d / determinant, a / determinant];
  return [p, q, -(p * c + q * f), r, s, -(r * c + s * f)];
}

/** First `before`, then `after`. @param {Matrix} after @param {Matrix} before @returns {Matrix} */
export function compose(after, before) {
  const [a, b, c, d, e, f] = after;
  const [p, q, r, s, t, u] = before;
  return [a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f];
}

/** How much longer a length becomes. @param {Matrix} m */
export function scaleOf(m) {
  return Math.sqrt(Math.abs(m[0] * m[4] - m[1] * m[3]));
}

/** @param {number} height @param {number} width @param {number} newHeight @param {number} newWidth @returns {Matrix} */
export function resizeMatrix(height, width, newHeight, newWidth) {
  const [sy, sx] = [newHeight / height, newWidth / width];
  return [sx, 0, (sx - 1) / 2, 0, sy, (sy - 1) / 2];
}

/** Image keypoints to those of the crop `box` resized to height x width. @param {Box} box @param {number} height @param {number} width @returns {Matrix} */
export function cropMatrix([x1, y1, x2, y2], height, width) {
  const [sx, sy] = [width / (x2 - x1), height / (y2 - y1)];
  const toBox = [1, 0, 0.5 - (x1 + x2) / 2, 0, 1, 0.5 - (y1 + y2) / 2];
  return compose([sx, 0, width / 2 - 0.5, 0, sy, height / 2 - 0.5], toBox);
}

/** The smallest box about the same centre with the aspect of height x width, then `scale` times larger. @param {Box} box @param {number} height @param {number} width @param {number} scale @returns {Box} */
export function fitAspect([x1, y1, x2, y2], height, width, scale = 1) {
  const aspect = width / height;
  const tall = Math.max(y2 - y1, (x2 - x1) / aspect, 1e-6) * scale;
  const wide = tall * aspect;
  const [cx, cy] = [(x1 + x2) / 2, (y1 + y2) / 2];
  return [cx - wide / 2, cy - tall / 2, cx + wide / 2, cy + tall / 2];
}

/** The box around the pixels of points, at least one. @param {Point[]} points @returns {Box} */
export function extent(points) {
  const xs = points.map((point) => point[0]);
  const ys = points.map((point) => point[1]);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1];
}

/** Whether a point lies on the pixels of a picture. @param {Point} point @param {number} height @param {number} width */
export function inside([x, y], height, width) {
  return x >= -0.5 && y >= -0.5 && x < width - 0.5 && y < height - 0.5;
}
