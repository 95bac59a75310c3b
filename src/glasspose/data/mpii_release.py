"""The official file of MPII Human Pose (mpii_human_pose_v1_u12_1.mat): RELEASE.annolist(i).annorect(j).annopoints.point(k)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from glasspose.data.faults import LARGEST
from glasspose.data.matlab import DAMAGE, Structs, variable

__all__ = ["DAMAGE", "Broken", "Rect", "read_release"]
COUNT = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Rect:
    """One person as the file has it; pixels count from 1."""

    image: str
    number: tuple[int, int]
    """Image and person, from 1."""
    keypoints: Float[np.ndarray, "16 2"]
    labelled: Bool[np.ndarray, " 16"]
    occluded: Bool[np.ndarray, " 16"]
    place: tuple[float, float]
    """0 where it is missing, as is the scale."""
    scale: float
    head: Float[np.ndarray, " 4"]
    """The head's box."""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One person who cannot be used."""

    number: tuple[int, int]
    rule: str
    detail: str


class _PersonError(ValueError):
    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


def read_release(file: bytes) -> list[Rect | Broken]:
    """Everybody in the images that are for training: the others have no labels. `DAMAGE` where the file is something else."""
    release = _structs(variable(file, b"RELEASE"))
    images = _structs(release.get(0, "annolist"))
    training = np.asarray(release.get(0, "img_train"), np.float64).ravel()
    if len(training) != len(images):
        raise ValueError(f"img_train of {len(training)} images, annolist of {len(images)}")
    rects: list[Rect | Broken] = []
    for i in np.flatnonzero(training == 1).tolist():
        name = _structs(images.get(i, "image")).get(0, "name")
        people = images.inner(i, "annorect")
        rects += [_found(people, j, str(name), i) for j in range(len(people))] if people is not None else []
    return rects


def _found(people: Structs, j: int, image: str, i: int) -> Rect | Broken:
    try:
        return _rect(people, j, image, i)
    except _PersonError as problem:
        return Broken(number=(i + 1, j + 1), rule=problem.rule, detail=str(problem))
    except DAMAGE as problem:
        return Broken(number=(i + 1, j + 1), rule="annotation-entry", detail=f"cannot be read ({type(problem).__name__})")


def _structs(value: object) -> Structs:
    if not isinstance(value, Structs):
        raise ValueError("not a struct")  # noqa: TRY004 - damage of the file
    return value


def _rect(people: Structs, j: int, image: str, i: int) -> Rect:
    keypoints, labelled, occluded = np.zeros((COUNT, 2)), np.zeros(COUNT, bool), np.zeros(COUNT, bool)
    outer = people.inner(j, "annopoints")
    points = outer.inner(0, "point") if outer is not None and len(outer) else None
    for k in range(len(points) if points is not None else 0):
        number, x, y = (_pixels(points, k, field) for field in ("id", "x", "y"))
        if number is None or x is None or y is None or number not in range(COUNT):
            raise _PersonError("keypoints", f"point {k + 1} has no id of 0 to {COUNT - 1}, x and y")
        visible = points.number(k, "is_visible") if points is not None else None  # a text in parts of the file
        if visible not in (None, 0, 1):
            raise _PersonError("keypoints", f"is_visible of point {k + 1} is not 0 or 1")
        keypoints[int(number)], labelled[int(number)] = (x, y), True
        occluded[int(number)] = visible == 0  # neck and head top come from the head's box, and without a flag
    position = people.inner(j, "objpos")
    place = [_pixels(position, 0, axis) or 0.0 for axis in ("x", "y")]
    scale = _pixels(people, j, "scale") or 0.0
    if scale < 0:
        raise _PersonError("scale", "`scale` is negative")
    head = np.array([_pixels(people, j, corner) or 0.0 for corner in ("x1", "y1", "x2", "y2")])
    return Rect(
        image=image,
        number=(i + 1, j + 1),
        keypoints=keypoints,
        labelled=labelled,
        occluded=occluded,
        place=(place[0], place[1]),
        scale=scale,
        head=head,
    )


def _pixels(structs: Structs | None, place: int, field: str) -> float | None:
    if structs is None or not len(structs):
        return None
    rule = {"x": "keypoints", "y": "keypoints", "id": "keypoints", "scale": "scale"}.get(field, "head-length")
    if isinstance(structs.get(place, field), str):
        raise _PersonError(rule, f"`{field}` is a text")
    value = structs.number(place, field)
    if value is not None and not abs(value) < LARGEST:
        raise _PersonError(rule, f"`{field}` is {value}")
    return value
