"""Made-up people: a jointed body in three dimensions, posed at random, seen from any side, and cut into flat shapes to paint.

Lengths are in statures. Axes: x to the person's left, y up, z forward; the viewer looks from +z, so that +x is to the right of the picture
of a person who faces the viewer. Joints are in the order of LSP.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from glasspose.geometry import Matrix, transform

Point = Float[np.ndarray, " 3"]
Frame = Float[np.ndarray, "3 3"]
Shape = tuple[Float[np.ndarray, "corners 2"], str]
"""A convex outline in pixels, and the cloth that it shows."""

CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 20, endpoint=False)), np.sin(np.linspace(0, 2 * np.pi, 20, endpoint=False))], 1)
LEFT, UP, FORWARD = np.eye(3)
RIGHT_LEG, LEFT_LEG = (0, 1, 2), (5, 4, 3)
RIGHT_ARM, LEFT_ARM = (6, 7, 8), (11, 10, 9)
NECK, HEAD_TOP = 12, 13
FACE = ((-0.38, 0.02, 0.008, "ink"), (0.38, 0.02, 0.008, "ink"), (0, -0.3, 0.01, "nose"), (0, -0.72, 0.011, "lips"))
"""Eyes, nose and mouth: left, up, radius, colour."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A pose as the viewer sees it: places, and where the chest and the head point."""

    joints: Float[np.ndarray, "14 3"]
    toes: Float[np.ndarray, "2 3"]
    """Right, left."""
    fingers: Float[np.ndarray, "2 3"]
    trunk: Frame
    """Columns: the chest's left, up and forward."""
    head: Frame


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is painted in one go, the shapes in their order."""

    shapes: Sequence[Shape]
    joints: tuple[int, ...]
    """The joints that lie in this part: it shows them, every other part that is painted later hides them."""
    depth: float
    """Of its middle: larger is nearer."""


def pose(rng: np.random.Generator) -> Body:
    """A body in a plausible pose: standing, striding, kicking or crouching, seen from the front, the back or a side, now and then upside down."""
    yaw = rng.choice([rng.normal(0, 30), rng.normal(180, 30), rng.uniform(0, 360)], p=[0.45, 0.25, 0.3])
    roll = rng.uniform(-180, 180) if rng.random() < 0.08 else rng.normal(0, 8)
    hips = _turn(2, roll) @ _turn(0, rng.normal(5, 8)) @ _turn(1, yaw)
    legs, lean = _leg_angles(rng)
    trunk = hips @ _turn(1, rng.normal(0, 10)) @ _turn(2, rng.normal(0, 8)) @ _turn(0, lean)
    head = trunk @ _turn(1, rng.normal(0, 18)) @ _turn(0, rng.normal(-lean / 3, 10))
    neck = trunk @ (0.3 * UP)
    joints = np.zeros((14, 3))
    joints[NECK], joints[HEAD_TOP] = neck, neck + head @ (0.155 * UP)
    toes, fingers = np.zeros((2, 3)), np.zeros((2, 3))
    for side, (arm, leg) in enumerate(((RIGHT_ARM, RIGHT_LEG), (LEFT_ARM, LEFT_LEG))):
        sign = 2 * side - 1
        joints[list(leg)], toes[side] = _leg(hips, sign, legs[side])
        joints[list(arm)], fingers[side] = _arm(trunk, neck, sign, rng)
    return Body(joints=joints, toes=toes, fingers=fingers, trunk=trunk, head=head)


def _turn(axis: int, degrees: float) -> Frame:
    """Rotation about x (forward lean is positive), y or z."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    one, other = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[one, one], matrix[one, other], matrix[other, one], matrix[other, other] = cos, -sin, sin, cos
    return matrix


def _leg_angles(rng: np.random.Generator) -> tuple[Float[np.ndarray, "2 3"], float]:
    """Flexion, abduction and bend of the knee for the right and the left leg, and the lean of the trunk that goes with them, in degrees."""
    stance = rng.choice(["stand", "stride", "crouch"], p=[0.5, 0.3, 0.2])
    if stance == "stand":
        return np.stack([rng.normal(3, 8, 2), rng.uniform(0, 18, 2), rng.uniform(0, 20, 2)], 1), rng.normal(2, 7)
    if stance == "crouch":
        flexion = rng.uniform(50, 110)
        return np.stack([flexion + rng.normal(0, 8, 2), rng.uniform(0, 30, 2), flexion + rng.uniform(-30, 30, 2)], 1), rng.uniform(5, 45)
    angles = np.array([[rng.uniform(20, 90), rng.uniform(0, 20), rng.uniform(5, 90)], [-rng.uniform(0, 30), rng.uniform(0, 15), rng.uniform(0, 70)]])
    return angles[rng.permutation(2)], rng.uniform(0, 25)


def _leg(hips: Frame, sign: int, angles: Float[np.ndarray, " 3"]) -> tuple[Float[np.ndarray, "3 3"], Point]:
    """Ankle, knee, hip; and the toes."""
    flexion, abduction, bend = angles
    thigh = hips @ _turn(2, sign * abduction) @ _turn(0, -flexion) @ _turn(1, sign * 8)
    shin = thigh @ _turn(0, bend)
    hip = hips @ (sign * 0.065 * LEFT)
    knee = hip - thigh @ (0.245 * UP)
    ankle = knee - shin @ (0.235 * UP)
    return np.stack([ankle, knee, hip]), ankle + shin @ (0.085 * FORWARD - 0.035 * UP)


def _arm(trunk: Frame, neck: Point, sign: int, rng: np.random.Generator) -> tuple[Float[np.ndarray, "3 3"], Point]:
    """Wrist, elbow, shoulder; and the finger tips. Arms hang, or are lifted to the side or to the front."""
    abduction, flexion = rng.choice([[10, 5], [100, 10], [15, 90]], p=[0.55, 0.25, 0.2]) + rng.normal(0, [10, 25])
    upper = trunk @ _turn(2, sign * abduction) @ _turn(0, -flexion) @ _turn(1, -sign * rng.uniform(-20, 60))
    lower = upper @ _turn(0, -rng.uniform(0, 40 if rng.random() < 0.5 else 130))
    shoulder = neck + trunk @ (sign * 0.11 * LEFT - 0.02 * UP)
    elbow = shoulder - upper @ (0.165 * UP)
    wrist = elbow - lower @ (0.145 * UP)
    return np.stack([wrist, elbow, shoulder]), wrist - lower @ (0.05 * UP)


def parts(body: Body, placed: Matrix) -> list[Part]:
    """The body's parts in pixels, the farthest first. `placed` maps the viewer's x and y (up) to the picture."""
    found = [_trunk(body, placed), _head(body, placed)]
    for side, (arm, leg) in enumerate(((RIGHT_ARM, RIGHT_LEG), (LEFT_ARM, LEFT_LEG))):
        ankle, knee, hip = body.joints[list(leg)]
        wrist, elbow, shoulder = body.joints[list(arm)]
        found += [
            _limb(placed, [hip, knee], [0.056, 0.04], "thigh", leg[1:]),
            _limb(placed, [knee, ankle], [0.038, 0.024], "shin", leg[:2]),
            _limb(placed, [ankle, body.toes[side]], [0.025, 0.018], "shoe", leg[:1]),
            _limb(placed, [shoulder, elbow], [0.036, 0.028], "sleeve", arm[1:]),
            _limb(placed, [elbow, wrist], [0.027, 0.019], "forearm", arm[:2]),
            _limb(placed, [wrist, body.fingers[side]], [0.019, 0.017], "skin", arm[:1]),
        ]
    return sorted(found, key=lambda part: part.depth)


def _limb(placed: Matrix, ends: Sequence[Point], radii: Sequence[float], cloth: str, joints: tuple[int, ...]) -> Part:
    shape = (_hull(placed, ends, radii), cloth)
    return Part(shapes=[shape], joints=joints, depth=float(ends[0][2] + ends[1][2]) / 2)


def _trunk(body: Body, placed: Matrix) -> Part:
    """Shirt and trousers; on the front a panel down the chest and a badge at the person's left, so that front and back differ."""
    shoulders, hips, neck = body.joints[[8, 9]], body.joints[[2, 3]], body.joints[NECK]
    chest, belly = neck - body.trunk @ (0.09 * UP), neck - body.trunk @ (0.21 * UP)
    shapes = [
        (_hull(placed, [*shoulders, chest, belly, *hips], [0.035, 0.035, 0.07, 0.062, 0.05, 0.05]), "shirt"),
        (_hull(placed, [*hips, hips.mean(0)], [0.055, 0.055, 0.06]), "thigh"),
    ]
    if body.trunk[2, 2] > 0.1:
        top, bottom = neck + body.trunk @ (0.05 * FORWARD - 0.02 * UP), belly + body.trunk @ (0.06 * FORWARD)
        shapes.append((_hull(placed, [top, bottom], [0.022, 0.012]), "panel"))
        shapes.append((_hull(placed, [chest + body.trunk @ (0.06 * FORWARD + 0.06 * LEFT)], [0.016]), "panel"))
    return Part(shapes=shapes, joints=(2, 3, 8, 9, NECK), depth=float(chest[2] + hips[:, 2].mean()) / 2)


def _head(body: Body, placed: Matrix) -> Part:
    """Neck, hair all round, and what of the face is turned to the viewer."""
    neck = body.joints[NECK]
    centre = neck + body.head @ (0.085 * UP)
    shapes = [
        (_hull(placed, [neck, centre], [0.032, 0.028]), "skin"),
        (_hull(placed, [centre + body.head @ (0.015 * UP), centre - body.head @ (0.025 * UP)], [0.055, 0.045]), "hair"),
    ]
    surface = _face_directions() @ body.head.T
    visible = surface[:, 2] > 0
    if visible.sum() > 4:
        rim = centre + (_face_directions() * [0.054, 0.072, 0.056]) @ body.head.T
        shapes.append((cv2.convexHull(_flat(placed, rim[visible]).astype(np.float32))[:, 0], "face"))
    for x, y, radius, cloth in FACE:
        direction = np.array([x, y, 0.9]) / np.linalg.norm([x, y, 0.9])
        if (body.head @ direction)[2] > 0.15:
            shapes.append((_hull(placed, [centre + body.head @ (direction * [0.052, 0.062, 0.056])], [radius]), cloth))
    return Part(shapes=shapes, joints=(NECK, HEAD_TOP), depth=float(centre[2]) + 0.01)


def _face_directions() -> Float[np.ndarray, "D 3"]:
    """Unit vectors over the face: rings about an axis that points forward and a little down."""
    axis = np.array([0, -0.45, 0.893])
    up = np.cross(axis, LEFT)
    rings = [np.cos(a) * axis + np.sin(a) * (CIRCLE[:, :1] * LEFT + CIRCLE[:, 1:] * up) for a in np.deg2rad([20, 45, 74])]
    return np.concatenate(rings)


def _flat(placed: Matrix, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 2"]:
    return transform(points[:, :2], placed)


def _hull(placed: Matrix, centres: Sequence[Point], radii: Sequence[float]) -> Float[np.ndarray, "corners 2"]:
    """The convex outline around balls: a limb is two of them, the trunk six."""
    scale = abs(placed[0, 0])
    corners = _flat(placed, np.asarray(centres))[:, None] + np.asarray(radii)[:, None, None] * scale * CIRCLE
    hull: np.ndarray = cv2.convexHull(corners.reshape(-1, 2).astype(np.float32))[:, 0]
    return hull
