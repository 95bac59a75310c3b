"""The box that a person is cut out with: what the network sees, before augmentation."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from glasspose.configs.framing import MARGIN, THESIS_MARGIN, Framing
from glasspose.geometry import Box, extent, fit_aspect
from glasspose.images import image_size
from glasspose.structures import Annotation

size_of = lru_cache(maxsize=1 << 18)(image_size)


def evaluation_box(person: Annotation) -> Box:
    """The square that a person is judged in where nothing else is said, corner-based image pixels."""
    return fit_aspect(person.box, (1, 1), MARGIN)


def framed(person: Annotation, config: Framing) -> Box | None:
    """The box that the configuration asks for, corner-based image pixels; None where the person does not fit it and is left out."""
    if config.framing == "box":
        return fit_aspect(person.box, (1, 1), config.margin)
    size = size_of(Path(person.image))
    return whole(size) if config.framing == "squash" else thesis_square(person, size)


def box_to_show(person: Annotation, framing: Framing) -> Box:
    """The box with which a `Predictor` of such a network cuts the person out as training did, as far as training would have taken him."""
    if framing.framing != "thesis":
        return person.box
    square = thesis_square(person, size_of(Path(person.image)))
    return person.box if square is None else grown(square, 1 / THESIS_MARGIN)


def shown(person: Annotation, framing: Framing, input_size: tuple[int, int]) -> Box:
    """The part of the picture that a network of this framing sees of a labelled person, corner-based image pixels."""
    if framing.framing == "squash":
        return whole(size_of(Path(person.image)))
    return fit_aspect(box_to_show(person, framing), input_size, framing.scale)


def whole(size: tuple[int, int]) -> Box:
    """A picture of (height, width)."""
    return np.array([0, 0, size[1], size[0]], np.float64)


def thesis_square(person: Annotation, size: tuple[int, int]) -> Box | None:
    """A square inside the picture of size (height, width), about the middle of the outermost labelled keypoints.

    Its side is the longer one of the union of box and keypoints, a tenth more where the picture has room on both sides of the middle and
    in its height; it is then shifted up or down into the picture. None where a labelled keypoint does not fit in.
    """
    around = extent(person.keypoints, person.labelled)
    union = np.concatenate([np.minimum(person.box[:2], around[:2]), np.maximum(person.box[2:], around[2:])])
    x, y = (around[:2] + around[2:]) / 2
    room = min(2 * x, 2 * (size[1] - x), size[0])
    side = min(THESIS_MARGIN * float((union[2:] - union[:2]).max()), room)
    top = float(np.clip(y - side / 2, 0, max(size[0] - side, 0)))
    square = np.array([x - side / 2, top, x + side / 2, top + side], np.float64)
    holds = side > 1 and (square[:2] <= around[:2] + 0.5).all() and (square[2:] >= around[2:] - 0.5).all()
    return square if holds else None


def grown(box: Box, factor: float) -> Box:
    """The box about the same centre, so many times as wide and as high."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * factor
    return np.concatenate([middle - half, middle + half])
