import assert from "node:assert/strict";
import test from "node:test";

import { enlarged } from "../src/pictures.js";

test("poses of a smaller picture in the pixels of the real one", () => {
  const keypoints = { neck: { x: 0, y: 9.5, score: 0.5, seen: true, radius: 3 } };
  const poses = { format: "glasspose.poses", version: 1, image: "a", width: 100, height: 50, people: [{ box: [0, 1, 100, 50], score: 0.5, keypoints }] };
  const [person] = enlarged(poses, { width: 200, height: 100 }).people;
  assert.deepEqual(person.box, [0, 2, 200, 100]);
  assert.deepEqual(person.keypoints.neck, { x: 0.5, y: 19.5, score: 0.5, seen: true, radius: 6 });
  assert.equal(enlarged(poses, { width: 100, height: 50 }), poses);
});
