/** What the sidecar of an exported file holds (docs/export.md); only what the page reads. */
export interface Card {
  format: string;
  version: number;
  name: string;
  file: { name: string; sha256: string; bytes: number };
  input: { name: string; shape: [string, number, number, number]; padding: number[] };
  flip_test: boolean;
  framing: Framing;
  skeleton: Skeleton;
  calibration: Calibration;
}

export interface Framing {
  margin: number;
  portrait_margin: number;
  likely: number;
  fewest: number;
  lower_body: number[];
  fewest_below: number;
  strongest: number;
}

/** Names in order; limbs and pairs are places in that order. */
export interface Skeleton {
  keypoints: string[];
  limbs: number[][];
  pairs: number[][];
}

export interface Calibration {
  seen: number[];
  person: number;
  trust?: Trust;
}

/** Scores to probabilities, and radii in sizes of the pose. */
export interface Trust {
  probability: [number, number][][];
  radius: number[][];
  large: number;
  flip_test: boolean;
}

/** Row by row: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5]. */
export type Matrix = number[];
/** x1, y1, x2, y2, corner-based. */
export type Box = number[];
export type Point = [number, number];

/** Pixels as a canvas gives them: RGBA, row by row, nothing transparent. */
export interface Picture {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

/** For one crop: K places and K scores. */
export interface Told {
  points: Point[];
  scores: number[];
}

/** Asks the network about crops of H x W RGB bytes, one after the other in `crops`. Places are input pixels. */
export type Ask = (crops: Uint8Array, count: number) => Promise<Told[]>;

export interface KeypointJson {
  x: number;
  y: number;
  score: number;
  seen: boolean;
  probability?: number;
  radius?: number;
}

export interface PersonJson {
  box: Box;
  score: number;
  keypoints: Record<string, KeypointJson>;
}

/** docs/schemas/poses.schema.json */
export interface PosesJson {
  format: string;
  version: number;
  image: string;
  width: number;
  height: number;
  people: PersonJson[];
}

export interface CheckLine {
  name: string;
  passed: boolean | null;
  value: number | null;
  bound: string;
}

/** Why a keypoint is where it is: a picture to be laid over `box`, and the verdict of its own test. */
export interface Reason {
  keypoint: string;
  method: string;
  answer: string;
  verdict: string;
  checks: CheckLine[];
  limits: string[];
  box: Box;
  overlay: Blob | null;
  cells: { rows: number; columns: number; values: number[] } | null;
}

/** Something that finds people: the network in this browser, or the service. */
export interface Finder {
  skeleton: Skeleton;
  describe(): string;
  find(picture: Picture, source: Blob | null, name: string): Promise<PosesJson>;
  why(picture: Picture, source: Blob | null, keypoint: string, onProgress: (share: number) => void): Promise<Reason>;
  explains: boolean;
}
