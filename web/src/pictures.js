/**
 * Files to pixels, as the browser decodes them: turned as their EXIF says, without colour management, transparency over white, as in images.py.
 * @import {Picture, PosesJson} from "./types.d.ts"
 */

/** Larger ones are made smaller first: canvases of phones hold no more. */
export const MOST_PIXELS = 16_777_216;
const MOST_BYTES = 50_000_000;

/** An opened picture: its pixels, what they were read from, its name, and its real size. */
/** @typedef {Picture & { source: Blob | null, name: string, full: { width: number, height: number } }} Opened */

/** @param {Blob} source @param {string} name @returns {Promise<Opened>} */
export async function open(source, name) {
  if (source.size > MOST_BYTES) throw new Error(`${name} has more than ${MOST_BYTES / 1e6} million bytes`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(source, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${name} is not a picture that this browser can open. JPEG, PNG and WebP always work.`);
  }
  try {
    return { ...drawn(bitmap, bitmap.width, bitmap.height), source, name };
  } finally {
    bitmap.close();
  }
}

/** What a camera shows now. @param {HTMLVideoElement} video @returns {Opened} */
export function frame(video) {
  return { ...drawn(video, video.videoWidth, video.videoHeight), source: null, name: "camera.png" };
}

/** Without loss, to be sent to a server. @param {Picture} picture @returns {Promise<Blob>} */
export function encoded(picture) {
  const canvas = document.createElement("canvas");
  paint(canvas, picture);
  return blob(canvas, "image/png");
}

/** @param {HTMLCanvasElement} canvas @param {Picture} picture */
export function paint(canvas, picture) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.putImageData(new ImageData(new Uint8ClampedArray(picture.data), picture.width, picture.height), 0, 0);
  return pen;
}

/** @param {HTMLCanvasElement} canvas @param {string} type @returns {Promise<Blob>} */
export function blob(canvas, type) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((made) => (made ? resolve(made) : reject(new Error("the picture cannot be written"))), type, 0.92);
  });
}

/** Poses of a picture that was made smaller, in the pixels of the real one. @param {PosesJson} poses @param {{ width: number, height: number }} full @returns {PosesJson} */
export function enlarged(poses, full) {
  if (poses.width === full.width && poses.height === full.height) return poses;
  const [sx, sy] = [full.width / poses.width, full.height / poses.height];
  const digits = (/** @type {number} */ value, count = 3) => Number(value.toFixed(count));
  const people = poses.people.map((person) => ({
    ...person,
    box: person.box.map((value, i) => digits(value * (i % 2 ? sy : sx), 2)),
    keypoints: Object.fromEntries(
      Object.entries(person.keypoints).map(([name, told]) => {
        const moved = { ...told, x: digits((told.x + 0.5) * sx - 0.5), y: digits((told.y + 0.5) * sy - 0.5) };
        return [name, told.radius === undefined ? moved : { ...moved, radius: digits(told.radius * Math.sqrt(sx * sy), 2) }];
      }),
    ),
  }));
  return { ...poses, ...full, people };
}

/** @param {CanvasImageSource} image @param {number} width @param {number} height */
function drawn(image, width, height) {
  if (!width || !height) throw new Error("the picture has no pixels");
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(width * scale));
  canvas.height = Math.max(1, Math.floor(height * scale));
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true, alpha: false }));
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  return { width: canvas.width, height: canvas.height, data, full: { width, height } };
}
