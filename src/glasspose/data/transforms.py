"""Augmentation of one person on the CPU. Everything random comes from the generator that is handed in, which is a function of
(seed, epoch, sample): so the result depends neither on the number of workers nor on the order.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from glasspose.configs.augmentation import Augmentation
from glasspose.data.colours import recoloured
from glasspose.geometry import PADDING, Box, Matrix, compose, crop_matrix, extent, fit_aspect, flip_matrix, transform, warp
from glasspose.skeletons import Skeleton

Crop = UInt8[np.ndarray, "H W 3"]

_HEAD_AND_SHOULDERS = ("head", "neck", "nose", "eye", "ear", "shoulder", "thorax")
TURNED = 0.6
"""Share of the views that are turned at all."""
FEWEST_PIXELS = 64
"""No close view is narrower than so many pixels of the picture: nobody could tell what is in it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """One packed person, all in pixels of the kept crop."""

    crop: Crop
    keypoints: Float[np.ndarray, "K 2"]
    labelled: Bool[np.ndarray, " K"]
    square: Box
    """The evaluation square."""
    picture: Box
    """Where the whole picture lies, which may be beyond the crop."""
    scale: float = 1.0
    """Pixels of the crop for one of the picture."""
    box: Box | None = None
    """The labelled box, where the square was made of it."""

    def view(self, size: tuple[int, int]) -> Box:
        """What an input of this size shows of the person: the square, or in an input that is not square the box in its aspect, as in evaluation."""
        if size[0] == size[1] or self.box is None:
            return fit_aspect(self.square, size)
        sides = self.box[2:] - self.box[:2]
        return fit_aspect(self.box, size, float((self.square[2] - self.square[0]) / sides.max()))


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A person as the network takes it."""

    image: Crop
    keypoints: Float[np.ndarray, "K 2"]
    """Input pixels."""
    outside: Bool[np.ndarray, " K"]
    """Keypoints behind the edge at which the picture was made to end: they count as outside the input."""
    matrix: Matrix
    """Kept crop to input."""
    flipped: bool


def plain_view(person: Person, size: tuple[int, int]) -> View:
    """What is evaluated, nothing changed."""
    matrix = crop_matrix(person.view(size), size)
    keypoints = transform(person.keypoints, matrix)
    outside = np.zeros(len(keypoints), bool)
    return View(image=warp(person.crop, matrix, size), keypoints=keypoints, outside=outside, matrix=matrix, flipped=False)


def augmented_view(person: Person, skeleton: Skeleton, size: tuple[int, int], options: Augmentation, rng: np.random.Generator) -> View:
    """A random view: framing, rotation, scale, translation, mirror, a cut-off edge, colours, an occluding patch."""
    box = _jitter(fit_aspect(_framing(person, skeleton, size, options, rng), size), options, rng)
    box, turn = _padded_or_turned(box, options, rng) if options.rotate_or_pad else (_padded(box, options.pad, rng), _rotation(options, rng))
    matrix = crop_matrix(box, size, turn)
    flipped = bool(rng.random() < options.flip) and skeleton.mirrors
    if flipped:
        matrix = compose(flip_matrix(size[1]), matrix)
    image = warp(person.crop, matrix, size)
    keypoints = transform(person.keypoints, matrix)
    outside = np.zeros(len(keypoints), bool)
    if rng.random() < options.cut and person.labelled.any():
        outside = _cut(image, keypoints, person.labelled, rng)
    if rng.random() < options.occlusion:
        _occlude(image, rng)
    image = recoloured(image, options, rng)
    if flipped:
        keypoints, outside = keypoints[list(skeleton.flip)], outside[list(skeleton.flip)]
    return View(image=image, keypoints=keypoints, outside=outside, matrix=matrix, flipped=flipped)


def _framing(person: Person, skeleton: Skeleton, size: tuple[int, int], options: Augmentation, rng: np.random.Generator) -> Box:
    """What is evaluated, or a view between it and the whole picture, or a part of the person."""
    usual = person.square if size[0] == size[1] else person.view(size)
    chance = rng.random()
    if chance < options.wide:
        return np.asarray(usual + rng.random() * (fit_aspect(person.picture, size) - usual))
    if chance < options.wide + options.close:
        return _part(person, skeleton, usual, rng)
    return usual


def _part(person: Person, skeleton: Skeleton, usual: Box, rng: np.random.Generator) -> Box:
    lower = np.isin(np.arange(len(skeleton)), skeleton.lower_body)
    bust = np.array([any(word in name for word in _HEAD_AND_SHOULDERS) for name in skeleton.keypoints])
    chosen = (~lower, lower, bust)[rng.choice(3, p=(0.35, 0.2, 0.45))] & person.labelled  # portraits are what people take most
    margin = rng.uniform(1.2, 1.9)
    if chosen.sum() < 3:
        return usual
    box = fit_aspect(extent(person.keypoints, chosen), (1, 1), margin)
    side, smallest = box[2] - box[0], FEWEST_PIXELS * person.scale
    return box if side >= smallest else fit_aspect(box, (1, 1), smallest / side)


def _jitter(box: Box, options: Augmentation, rng: np.random.Generator) -> Box:
    scale = np.exp(rng.uniform(-options.scale, options.scale))
    shift = rng.uniform(-options.translation, options.translation, 2) * (box[2:] - box[:2])
    middle, half = (box[:2] + box[2:]) / 2 + shift, (box[2:] - box[:2]) / 2 * scale
    return np.concatenate([middle - half, middle + half])


def _padded(box: Box, share: float, rng: np.random.Generator) -> Box:
    """Every side moves by itself."""
    return np.asarray(box + rng.uniform(-share, share, 4) * np.tile(box[2:] - box[:2], 2)) if share > 0 else box


def _padded_or_turned(box: Box, options: Augmentation, rng: np.random.Generator) -> tuple[Box, float]:
    chance = rng.random()
    if chance < 0.25:
        return _padded(box, options.pad, rng), 0.0
    return box, float(rng.uniform(-options.rotation, options.rotation)) if chance < 0.5 else 0.0


def _rotation(options: Augmentation, rng: np.random.Generator) -> float:
    turn = float(np.clip(rng.normal(0, options.rotation / 2), -options.rotation, options.rotation))
    return turn if rng.random() < TURNED else 0.0


def _cut(image: Crop, keypoints: Float[np.ndarray, "K 2"], labelled: Bool[np.ndarray, " K"], rng: np.random.Generator) -> Bool[np.ndarray, " K"]:
    """End the picture within the person on one side; most often below, as portraits do."""
    height, width = image.shape[:2]
    side = rng.choice(4, p=[0.55, 0.15, 0.15, 0.15])
    axis = 1 if side < 2 else 0
    low, high = keypoints[labelled, axis].min(), keypoints[labelled, axis].max()
    share = rng.uniform(0.3, 0.9) if side in (0, 2) else rng.uniform(0.1, 0.5)
    edge = round(np.clip(low + share * (high - low), 1, (height if axis else width) - 1))
    if side == 0:
        image[edge:] = PADDING
    elif side == 1:
        image[:edge] = PADDING
    elif side == 2:
        image[:, edge:] = PADDING
    else:
        image[:, :edge] = PADDING
    beyond: np.ndarray = keypoints[:, axis] >= edge - 0.5 if side in (0, 2) else keypoints[:, axis] < edge - 0.5
    return beyond


def _occlude(image: Crop, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    h, w = (int(rng.uniform(0.08, 0.35) * side) for side in (height, width))
    y, x = rng.integers(0, height - h), rng.integers(0, width - w)
    kind = rng.integers(3)
    if kind == 0:
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    elif kind == 1:
        image[y : y + h, x : x + w] = rng.integers(0, 256, (h, w, 3))
    else:
        v, u = rng.integers(0, height - h), rng.integers(0, width - w)
        image[y : y + h, x : x + w] = image[v : v + h, u : u + w].copy()
