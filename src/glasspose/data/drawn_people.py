"""Made-up figures on made-up backgrounds, with exact keypoints: for tests, for the guided tour, and for a machine without data.

A person is a function of (seed, split, index) alone: it does not change with how many are asked for. Pictures are kept as PNG files.
"""

import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from glasspose.configs.data import DrawnPeople
from glasspose.data.figures import Body, Part, Shape, parts, pose
from glasspose.data.lsp import reference_length
from glasspose.errors import UsageError
from glasspose.geometry import Matrix, extent, inside, transform
from glasspose.skeletons import LSP
from glasspose.structures import Annotation, Dataset, Image

VERSION = 1
"""Part of the folder's name: pictures of another way to draw are not mixed up with these."""

QUICK_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]

SUBPIXEL = 4
"""Bits of OpenCV's fixed-point coordinates."""

HIDDEN = 255
"""In the map of parts: the object in front of the person."""


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """One person in one picture, before any pixel is painted."""

    size: tuple[int, int]
    keypoints: Float[np.ndarray, "14 2"]
    parts: list[Part]
    obstacle: Shape | None


def read_drawn_people(config: DrawnPeople) -> Dataset:
    """People drawn to order, each in a picture of its own, which is written where it is not there yet.

    A keypoint is labelled where it lies in the picture; it is occluded where another part of the body or an object covers it. Box and area
    are those of the silhouette. UsageError where the folder cannot be written.
    """
    folder = _folder(config)
    annotations = []
    for index in range(config.count):
        key = [config.seed & 0xFFFFFFFFFFFFFFFF, zlib.crc32(config.split.encode()), index]
        scene = _scene(config.size, np.random.default_rng(key))
        path = folder / f"{index:06d}.png"
        if not path.exists():
            _write(path, _paint(scene, np.random.default_rng([*key, 1])))
        annotations.append(_annotation(scene, path, index))
    return Dataset(name=f"drawn_people/{config.split}", skeleton=LSP, annotations=annotations)


def _folder(config: DrawnPeople) -> Path:
    if not re.fullmatch(r"[\w-]+", config.split):
        raise UsageError(f"split {config.split!r} is not a name", "Use letters, digits, - and _")
    height, width = config.size
    if min(height, width) < 32:
        raise UsageError(f"pictures of {height} x {width} pixels are too small for a person", "Use 32 or more for --data.size")
    root = config.folder or _cache() / "drawn_people"
    return root / f"v{VERSION}-{config.split}-seed{config.seed}-{height}x{width}"


def _cache() -> Path:
    """The folder for files that can be made again."""
    given = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(given) if given else Path.home() / ".cache") / "glasspose"


def _write(path: Path, image: Image) -> None:
    """A whole PNG or none: other processes may read and write the same folder."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(cv2.imencode(".png", image[..., ::-1], QUICK_PNG)[1].tobytes())
        unfinished.replace(path)
    except OSError as problem:
        raise UsageError(f"cannot write {path} ({problem.strerror})", "Name another folder with --data.folder") from None


def _scene(size: tuple[int, int], rng: np.random.Generator) -> _Scene:
    body = pose(rng)
    placed = _placed(body, size, rng)
    keypoints = transform(body.joints[:, :2], placed)
    obstacle = _obstacle(extent(keypoints, np.ones(len(LSP), bool)), rng) if rng.random() < 0.3 else None
    return _Scene(size=size, keypoints=keypoints, parts=parts(body, placed), obstacle=obstacle)


def _placed(body: Body, size: tuple[int, int], rng: np.random.Generator) -> Matrix:
    """Where the body stands in the picture: it fits, or, for one in five, a side of the picture cuts up to 40 % of it off."""
    margin = 0.06
    low, high = body.joints[:, :2].min(0) - margin, body.joints[:, :2].max(0) + margin
    room, span = np.array(size[::-1], np.float64), high - low
    scale = rng.uniform(0.5, 0.97) * float((room / span).min())
    scale = min(scale, 0.95 * min(size))
    corner = rng.uniform(0, 1, 2) * (room - span * scale)
    if rng.random() < 0.2:
        axis, cut = rng.integers(2), rng.uniform(0.1, 0.4) * span * scale
        corner[axis] = rng.choice([-cut[axis], room[axis] - span[axis] * scale + cut[axis]])
    return np.array([[scale, 0, corner[0] - low[0] * scale], [0, -scale, corner[1] + high[1] * scale]])


def _obstacle(box: Float[np.ndarray, " 4"], rng: np.random.Generator) -> Shape:
    """A board or a ball in front of some of the person."""
    x, y = rng.uniform(box[:2], box[2:])
    width, height = rng.uniform(0.15, 0.5, 2) * (box[2:] - box[:2]).max()
    angles = np.deg2rad(np.arange(0, 360, 15 if rng.random() < 0.4 else 90) + rng.normal(45, 8))
    return np.stack([x + width / 2 * np.cos(angles), y + height / 2 * np.sin(angles)], 1), "obstacle"


def _annotation(scene: _Scene, path: Path, index: int) -> Annotation:
    """The labels, read off a map that says which part shows at every pixel."""
    shown = np.zeros(scene.size, np.uint8)
    for number, part in enumerate(scene.parts, 1):
        for outline, _ in part.shapes:
            cv2.fillConvexPoly(shown, _fixed(outline), number, cv2.LINE_8, SUBPIXEL)
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    area = float(np.count_nonzero(shown))
    if scene.obstacle is not None:
        cv2.fillConvexPoly(shown, _fixed(scene.obstacle[0]), HIDDEN, cv2.LINE_8, SUBPIXEL)
    labelled = inside(scene.keypoints, scene.size)
    return Annotation(
        image=path,
        keypoints=scene.keypoints,
        labelled=labelled,
        occluded=np.array([labelled[k] and _is_hidden(k, shown, scene) for k in range(len(LSP))]),
        box=np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64),
        area=area,
        torso=reference_length(scene.keypoints, labelled, LSP.torso),
        head=reference_length(scene.keypoints, labelled, LSP.head),
        image_id=index + 1,
        person_id=index + 1,
    )


def _is_hidden(k: int, shown: UInt8[np.ndarray, "H W"], scene: _Scene) -> bool:
    """Whether what shows at a keypoint's pixel is an object or a part of the body that the keypoint does not belong to."""
    x, y = np.rint(scene.keypoints[k]).astype(int)
    number = int(shown[y, x])
    return number == HIDDEN or (number > 0 and k not in scene.parts[number - 1].joints)


def _paint(scene: _Scene, rng: np.random.Generator) -> Image:
    """Background, person, what stands in front of it, and the grain of a camera."""
    image = _background(scene.size, rng)
    colours = _clothes(rng)
    for part in scene.parts:
        for outline, cloth in part.shapes:
            _fill(image, outline, colours[cloth], edge=cloth not in ("ink", "lips", "panel", "nose", "face"))
    if scene.obstacle is not None:
        _fill(image, scene.obstacle[0], _colour(rng), edge=True)
    grain = cv2.merge([rng.integers(0, 4, scene.size, np.uint8) * 4] * 3)
    grainy: Image = cv2.add(image, grain)
    return grainy


def _background(size: tuple[int, int], rng: np.random.Generator) -> Image:
    """A gradient, blotches, and things that are no person: boards, balls and sticks."""
    height, width = size
    gradient = cv2.resize(np.stack([_colour(rng) for _ in range(4)]).reshape(2, 2, 3), (9, 9))
    blotches = gradient + rng.normal(0, rng.uniform(0, 25), (9, 9, 1)) + rng.normal(0, rng.uniform(0, 8), (9, 9, 3))
    image = cv2.resize(blotches.clip(0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(0, 9)):
        shape, _ = _obstacle(np.array([0, 0, width, height], np.float64), rng)
        thin = (shape - shape.mean(0)) * rng.choice([[0.12, 1], [1, 0.12], [0.6, 0.6]]) + shape.mean(0)
        _fill(image, thin, _colour(rng), edge=False)
    return image


def _colour(rng: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """A brightness first, then a tint, often a weak one."""
    return (rng.uniform(25, 230) + rng.uniform(0, 1) * rng.uniform(-110, 110, 3)).clip(5, 250)


def _clothes(rng: np.random.Generator) -> dict[str, Float[np.ndarray, " 3"]]:
    """RGB of every cloth: sleeves and trouser legs are long or short."""
    skin = np.array([235, 195, 165]) * rng.uniform(0.4, 1.05) * rng.uniform(0.94, 1.06, 3)
    shirt, trousers, shoe = (_colour(rng) for _ in range(3))
    hair = rng.choice([[25, 20, 20], [90, 55, 30], [200, 165, 90], [120, 120, 125]]) * rng.uniform(0.7, 1.1)
    long_sleeves, long_legs = rng.random(2) < [0.4, 0.6]
    return {
        "skin": skin,
        "face": skin,
        "hair": hair,
        "shirt": shirt,
        "panel": (shirt + 128) % 256,
        "sleeve": shirt,
        "forearm": shirt if long_sleeves else skin,
        "thigh": trousers,
        "shin": trousers if long_legs else skin,
        "shoe": shoe,
        "ink": np.full(3, 15.0),
        "nose": skin * 0.8,
        "lips": skin * [0.85, 0.5, 0.5],
    }


def _fill(image: Image, outline: Float[np.ndarray, "corners 2"], colour: Float[np.ndarray, " 3"], *, edge: bool) -> None:
    points = _fixed(outline)
    cv2.fillConvexPoly(image, points, colour.tolist(), cv2.LINE_AA, SUBPIXEL)
    if edge:
        cv2.polylines(image, [points], True, (colour * 0.6).tolist(), 1, cv2.LINE_AA, SUBPIXEL)


def _fixed(outline: Float[np.ndarray, "corners 2"]) -> np.ndarray:
    fixed: np.ndarray = np.rint(outline * (1 << SUBPIXEL)).astype(np.int32)
    return fixed
