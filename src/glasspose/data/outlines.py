"""The region of each person, as COCO files give it beside the keypoints: polygons, or run lengths as a list or packed into text.

Nobody pays for them who does not ask: `read` leaves them in the file, and `outlines_of` reads the file once more for the people that it is
asked about. Drawn pixel for pixel as pycocotools (maskApi.c, rleFrPoly and rleFrString) does it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

from glasspose.configs.data import Coco, Data
from glasspose.data.coco import are_numbers, document_of, path_of
from glasspose.data.faults import Fault
from glasspose.errors import AnnotationError
from glasspose.geometry import Matrix, warp
from glasspose.structures import Annotation

Outline = Sequence[Sequence[float]] | Mapping[str, Any]
"""`segmentation` as it stands in a COCO file, found to be sound."""
Mask = Bool[np.ndarray, "H W"]
FINER = 5
"""Polygons are followed on a grid so many times finer than the pixels."""
LONGEST = 1e6
"""Pixels; no person's outline is longer, and following one costs in proportion."""
DIGITS = 12
"""Of a packed run length, five bits each."""


def outlines_of(config: Data, people: Sequence[Annotation]) -> list[Outline | None]:
    """Each person's outline; None where the labels have none, where they speak of a crowd, or where the keypoints are not a whole person's.

    AnnotationError where one of them is malformed.
    """
    if not isinstance(config, Coco) or config.skeleton == "head_box":
        return [None] * len(people)
    asked = {person.person_id for person in people if not person.crowd}
    path = path_of(config)
    found: dict[int, Outline] = {}
    for entry in document_of(path)["annotations"]:
        if entry.get("id") in asked and (outline := entry.get("segmentation")):
            if problem := problem_of(outline):
                raise AnnotationError(f"{path}: annotation {entry['id']}: {problem}", REMEDY)
            found[entry["id"]] = outline
    return [found.get(person.person_id) for person in people]


REMEDY = "Export the outline again, or remove `segmentation`: only `explain stress` and `explain why` look at it"


def outline_faults(config: Coco) -> Iterator[Fault]:
    """Every malformed outline of a file, also of people who are left out."""
    for place, entry in enumerate(document_of(path_of(config))["annotations"]):
        if type(entry) is dict and entry.get("segmentation") and (problem := problem_of(entry["segmentation"])):
            yield Fault(rule="outline", where=f"annotation {entry.get('id', f'number {place}')}", detail=problem, remedy=REMEDY, severity="warning")


def problem_of(outline: Any) -> str:
    """Why a `segmentation` cannot be drawn; empty where it can."""
    if type(outline) is dict:
        return _problem_of_runs(outline)
    if type(outline) is not list or not outline:
        return f"`segmentation` is a {type(outline).__name__}, not polygons or run lengths"
    if any(type(polygon) is not list or len(polygon) < 6 or len(polygon) % 2 or not are_numbers(polygon, len(polygon)) for polygon in outline):
        return "a polygon of `segmentation` is not a list of at least three points, x and y finite numbers"
    around = sum(float(_steps(np.array(polygon).reshape(-1, 2)).sum()) for polygon in outline)
    return f"`segmentation` is {around:.0f} pixels long" if around > LONGEST else ""


def _problem_of_runs(outline: Mapping[str, Any]) -> str:
    size: Any = outline.get("size")
    if not are_numbers(size, 2) or {type(side) for side in size} != {int} or min(size) < 1:
        return f"`segmentation` has size {size!r:.40}"
    try:
        runs = _runs(outline.get("counts"))
    except (ValueError, TypeError):
        return "`segmentation` has `counts` that are no run lengths"
    total = sum(runs)
    return "" if min(runs, default=-1) >= 0 and total == size[0] * size[1] else f"`segmentation` has runs of {total} pixels for {size[0]} x {size[1]}"


def _runs(counts: Any) -> list[int]:
    """Lengths of runs of 0 and 1 in turn, down the columns. ValueError, TypeError for what is none."""
    if type(counts) is str:
        return _unpacked(counts)
    if type(counts) is not list or set(map(type, counts)) != {int}:
        raise TypeError
    return counts


def _unpacked(text: str) -> list[int]:
    """Signed numbers in digits of five bits, the smallest first, 32 where more follow; from the fourth on, differences to the one before the last."""
    runs: list[int] = []
    value = place = 0
    for digit in text.encode("ascii"):
        digit -= 48
        if not 0 <= digit < 64 or place == DIGITS:
            raise ValueError
        value |= (digit & 31) << 5 * place
        place += 1
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << 5 * place
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = place = 0
    if place:
        raise ValueError
    return runs


def drawn(outline: Outline, size: tuple[int, int]) -> Mask:
    """Every pixel of the picture, of `size` (height, width), that belongs to the person. AnnotationError where runs are of another size."""
    if isinstance(outline, Mapping):
        if tuple(outline["size"]) != size:
            raise AnnotationError(f"an outline is of a picture of {outline['size']}, and its own is of {list(size)} (height, width)", REMEDY)
        runs = _runs(outline["counts"])
        return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size[::-1]).T
    found = np.zeros(size, bool)
    for polygon in outline:
        found |= _filled(np.array(polygon, np.float64).reshape(-1, 2), size)
    return found


def cut_out(mask: Mask, matrix: Matrix, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """The mask through the same matrix as its picture: the pixels of which the person has at least half."""
    shades = np.repeat(255 * mask[..., None].astype(np.uint8), 3, -1)
    found: np.ndarray = warp(shades, matrix, size, padding=(0, 0, 0))[..., 0] >= 128
    return found


def _steps(points: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, " P"]:
    """How many pixels it is from each point to the next, along the axis on which it is more."""
    found: np.ndarray = np.abs(np.roll(points, -1, 0) - points).max(1)
    return found


def _filled(points: Float[np.ndarray, "P 2"], size: tuple[int, int]) -> Mask:
    """Inside is what is reached over an odd number of borders, going down the columns one after the other."""
    path = _followed((FINER * points + 0.5).astype(np.int64))
    before, after = path[:-1], path[1:]
    crossing = before[:, 0] != after[:, 0]
    lower = np.minimum(before, after)[crossing]
    x, y = ((lower + 0.5) / FINER - 0.5).T
    known = (x == np.floor(x)) & (x >= 0) & (x <= size[1] - 1)
    rows = np.ceil(np.clip(y[known], 0, size[0])).astype(np.int64)
    borders = np.bincount(x[known].astype(np.int64) * size[0] + rows, minlength=size[0] * size[1] + 1)[:-1]
    found: np.ndarray = (np.cumsum(borders) % 2 == 1).reshape(size[::-1]).T
    return found


def _followed(corners: Int64[np.ndarray, "P 2"]) -> Int64[np.ndarray, "M 2"]:
    """Every place of the fine grid along a closed polygon, corners twice."""
    parts = []
    for start, end in zip(corners, np.roll(corners, -1, 0), strict=True):
        long = int(abs(end - start)[0] < abs(end - start)[1])
        back = start[long] > end[long]
        low, high = (end, start) if back else (start, end)
        count = int(high[long] - low[long])
        along = np.arange(count + 1)
        slope = (high[1 - long] - low[1 - long]) / count if count else 0.0
        part = np.empty((count + 1, 2), np.int64)
        part[:, long] = low[long] + along
        part[:, 1 - long] = (low[1 - long] + slope * along + 0.5).astype(np.int64)
        parts.append(part[::-1] if back else part)
    return np.concatenate(parts)
