"""COCO keypoints (Lin et al., ECCV 2014), or any file in its form with its own keypoints.

Keypoints are 0-based pixel indices with a flag (0 not labelled, 1 occluded, 2 visible); boxes are x, y, width, height, corner-based.
What a file says beside that (`num_keypoints` above all) is never believed.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from glasspose.configs.data import Coco
from glasspose.data.choosing import stays_inside
from glasspose.data.faults import Fault, Severity, refuse
from glasspose.data.lsp import AREA_OF_BOX, reference_length, split_ids, split_unit
from glasspose.errors import AnnotationError
from glasspose.geometry import extent
from glasspose.skeletons import Skeleton, skeleton_from_coco
from glasspose.structures import Annotation, Dataset

Entry = Mapping[str, Any]

LARGEST = 1e12
"""Beyond any coordinate or area: what is larger is a damaged number."""


@dataclass(frozen=True, kw_only=True)
class _File:
    """The parts of a COCO file that its annotations are read against."""

    skeleton: Skeleton
    images: Mapping[int, str | None]
    """File names by id; None: the image is listed, but cannot be used."""
    categories: Mapping[int, bool]
    """For each category whether it has keypoints."""
    first: Mapping[int, Any]
    """The first annotation of every id."""


def read_coco(config: Coco) -> Dataset:
    """The people of one annotation file, in its order.

    A missing or empty box is the extent of the labelled keypoints, a missing area 0.53 of the box. AnnotationError where a file is
    missing, an entry is malformed, or nobody is left; `survey_coco` goes on instead, and says all that is wrong.
    """
    dataset, faults = survey_coco(config)
    refuse(path_of(config), faults)
    if not dataset.annotations:
        remedy = "Lower --data.minimum-keypoints or --data.minimum-area, or name another file"
        raise AnnotationError(f"{path_of(config)}: nobody has {config.minimum_keypoints} labelled keypoints", remedy)
    return dataset


def survey_coco(config: Coco) -> tuple[Dataset, list[Fault]]:
    """The people that can be used, and everything that is wrong with the file's entries. AnnotationError where the file as a whole is unusable."""
    path = path_of(config)
    document = document_of(path)
    skeleton, categories = _categories(path, document["categories"], config)
    images, faults = _images(document["images"])
    entries = document["annotations"]
    first = {entry["id"]: entry for entry in reversed(entries) if type(entry) is dict and type(entry.get("id")) is int}
    file = _File(skeleton=skeleton, images=images, categories=categories, first=first)
    sound = []
    for place, entry in enumerate(entries):
        found = _faults(entry, place, file)
        faults += found
        if not any(fault.severity == "error" for fault in found) and _has_keypoints(entry, file) and images[entry["image_id"]]:
            sound.append(entry)
    if config.single_person:
        people_of = Counter(entry["image_id"] for entry in sound)
        sound = [entry for entry in sound if people_of[entry["image_id"]] == 1 and not entry.get("iscrowd")]
    if config.splits is not None and config.split != "all":
        chosen = set(split_ids(config.root / config.splits, config.split))
        field = "id" if split_unit(config.root / config.splits) == "person" else "image_id"
        sound = [entry for entry in sound if entry[field] in chosen]
    return Dataset(name=f"coco/{config.split}", skeleton=skeleton, annotations=_people(sound, file, config)), faults


def path_of(config: Coco) -> Path:
    """Of the annotation file of a split."""
    return config.root / config.annotations.replace("{split}", config.split)


def document_of(path: Path) -> dict[str, Any]:
    """The file's JSON with its three lists in place."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise AnnotationError(f"{path} is not there", "Name the folder with --data.root and the file in it with --data.annotations") from None
    except (ValueError, RecursionError, OSError) as problem:
        raise AnnotationError(f"{path} cannot be read as JSON ({type(problem).__name__})", "Export it again as COCO keypoints") from None
    if not isinstance(document, dict):
        raise AnnotationError(f"{path} holds a {type(document).__name__}", "A COCO file is an object with images, annotations and categories")
    for field in ("images", "annotations", "categories"):
        if not isinstance(document.get(field), list):
            raise AnnotationError(f"{path} has no list `{field}`", "A COCO file is an object with images, annotations and categories")
    return document


def _categories(path: Path, categories: Sequence[Any], config: Coco) -> tuple[Skeleton, dict[int, bool]]:
    """The one skeleton that the file's categories share, and which of them have it."""
    if any(type(category) is not dict or type(category.get("id")) is not int for category in categories):
        raise AnnotationError(f"{path}: an entry of `categories` is not an object with a number `id`", "Export the file again as COCO keypoints")
    posed = [category for category in categories if category.get("keypoints")]
    if not posed:
        raise AnnotationError(f"{path}: no category names keypoints", "Take the keypoint annotations, or add `keypoints` to a category")
    if any(category["keypoints"] != posed[0]["keypoints"] for category in posed):
        raise AnnotationError(f"{path}: its categories have different keypoints", "Keep one file for each set of keypoints")
    try:
        return skeleton_from_coco(posed[0], config.sigmas, config.torso), {category["id"]: bool(category.get("keypoints")) for category in categories}
    except AnnotationError as problem:
        raise AnnotationError(f"{path}: {problem.message}", problem.remedy) from None
    except OverflowError:
        raise AnnotationError(f"{path}: a category's `skeleton` holds an infinite number", "Pairs count from 1") from None


def _images(entries: Sequence[Any]) -> tuple[dict[int, str | None], list[Fault]]:
    """File names by image id, and what is wrong with them. The same entry twice does no harm, as in files that were joined."""
    names: dict[int, str | None] = {}
    faults = []
    for place, entry in enumerate(entries):
        number, name = (entry.get("id"), entry.get("file_name")) if type(entry) is dict else (None, None)
        if type(number) is not int:
            faults.append(Fault(rule="image-entry", where=f"images[{place}]", detail="has no number `id`", remedy="Export the file again"))
        elif not stays_inside(name):
            names.setdefault(number, None)
            remedy = "Write it relative to the image folder that --data.images names"
            faults.append(Fault(rule="image-entry", where=f"image {number}", detail=f"has file_name {name!r:.80}", remedy=remedy))
        elif names.setdefault(number, name) != name:
            faults.append(Fault(rule="image-entry", where=f"image {number}", detail="has two file names", remedy="Give every image its own id"))
    return names, faults


def _has_keypoints(entry: Entry, file: _File) -> bool:
    """Whether the annotation belongs to a category with keypoints; one that names no category does."""
    return "category_id" not in entry or file.categories[entry["category_id"]]


def _wrong_id(entry: Entry, file: _File) -> str:
    if type(entry.get("id")) is not int:
        return f"`id` is {entry.get('id')!r:.40}"
    return "" if file.first[entry["id"]] is entry else "another annotation has the same id"


def _wrong_image(entry: Entry, file: _File) -> str:
    number = entry.get("image_id")
    return "" if type(number) is int and number in file.images else f"image_id {number!r:.40} is not in `images`"


def _wrong_category(entry: Entry, file: _File) -> str:
    number = entry.get("category_id")
    known = "category_id" not in entry or (type(number) is int and number in file.categories)
    return "" if known else f"category_id {number!r:.40} is not in `categories`"


def _wrong_keypoints(entry: Entry, file: _File) -> str:
    values = entry.get("keypoints")
    if values is None:
        return ""
    if not are_numbers(values, 3 * len(file.skeleton)):
        return f"`keypoints` is not a list of {3 * len(file.skeleton)} finite numbers"
    if not set(values[2::3]) <= {0, 1, 2}:
        return "a keypoint's flag is not 0, 1 or 2"
    negative = min(values) < -0.5 and any(v > 0 and min(x, y) < -0.5 for x, y, v in zip(values[::3], values[1::3], values[2::3], strict=True))
    return "a labelled keypoint has a negative coordinate" if negative else ""


def _wrong_box(entry: Entry, file: _File) -> str:
    box = entry.get("bbox")
    if box is None:
        return ""
    if not are_numbers(box, 4):
        return "`bbox` is not a list of 4 finite numbers"
    return f"`bbox` has a negative side: {box}" if min(box[2:]) < 0 else ""


def _wrong_area(entry: Entry, file: _File) -> str:
    area = _area(entry)
    return "" if are_numbers([area], 1) and area >= 0 else f"`area` is {entry['area']!r:.40}"


def _wrong_count(entry: Entry, file: _File) -> str:
    written, flags = entry.get("num_keypoints"), (entry.get("keypoints") or [])[2::3]
    count = len(flags) - flags.count(0)
    return "" if written in (None, count) else f"num_keypoints is {written!r:.40}, labelled are {count}"


def _nothing(entry: Entry, file: _File) -> str:
    empty = not any((entry.get("keypoints") or [])[2::3]) and min((entry.get("bbox") or [0])[-2:]) <= 0
    return "neither a box nor a labelled keypoint: left out" if empty else ""


_RULES: tuple[tuple[str, Severity, Callable[[Entry, _File], str], str], ...] = (
    ("annotation-id", "error", _wrong_id, "Number the annotations, each differently"),
    ("unknown-image", "error", _wrong_image, "Add the image, or remove the annotation"),
    ("unknown-category", "error", _wrong_category, "Add the category, or remove the annotation"),
    ("keypoints", "error", _wrong_keypoints, "Give x, y and a flag (0 not labelled, 1 occluded, 2 visible) for every keypoint of the category"),
    ("box", "error", _wrong_box, "Give x, y, width and height in pixels, or leave `bbox` out"),
    ("area", "error", _wrong_area, "Give square pixels, or leave `area` out"),
)
_RULES_OF_SOUND_ENTRIES: tuple[tuple[str, Severity, Callable[[Entry, _File], str], str], ...] = (
    ("keypoint-count", "warning", _wrong_count, "None needed: the flags are counted anew"),
    ("empty-person", "note", _nothing, "Label it or remove it"),
)


def _faults(entry: Any, place: int, file: _File) -> list[Fault]:
    """What is wrong with one annotation."""
    if type(entry) is not dict:
        return [Fault(rule="annotation-entry", where=f"annotations[{place}]", detail="is not an object", remedy="Export the file again")]
    where = f"annotation {entry['id']}" if type(entry.get("id")) is int else f"annotations[{place}]"
    if not _wrong_category(entry, file) and not _has_keypoints(entry, file):
        return []
    for rules in (_RULES, _RULES_OF_SOUND_ENTRIES):
        found = [Fault(rule=r, where=where, detail=d, remedy=remedy, severity=s) for r, s, check, remedy in rules if (d := check(entry, file))]
        if found:
            return found
    return []


def are_numbers(values: Any, count: int) -> bool:
    """A list of finite numbers of a pixel's size. Only the sum shows a NaN to be there, and only after the range has kept it from overflowing."""
    return (
        type(values) is list
        and len(values) == count
        and set(map(type, values)) <= {int, float}
        and -LARGEST < min(values) <= max(values) < LARGEST
        and math.isfinite(sum(values))
    )


def _area(entry: Entry) -> Any:
    """The area as written, 0 where it is not; some tools write a list of the areas of the outline's parts."""
    area = entry.get("area", 0.0)
    return sum(area) if type(area) is list and area and are_numbers(area, len(area)) else area if area is not None else 0.0


def _people(entries: Sequence[Entry], file: _File, config: Coco) -> list[Annotation]:
    """Sound annotations to people, without those that the configuration leaves out."""
    count = len(file.skeleton)
    flat = np.array([entry.get("keypoints") or [0] * (3 * count) for entry in entries], np.float64).reshape(-1, count, 3)
    labelled, occluded = flat[..., 2] > 0, flat[..., 2] == 1
    keypoints = np.where(labelled[..., None], flat[..., :2], 0.0)
    boxes = _boxes(entries, keypoints, labelled)
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    crowd = np.array([bool(entry.get("iscrowd")) for entry in entries], bool)
    chosen = np.where(crowd, config.crowds, labelled.sum(1) >= config.minimum_keypoints) & (sizes > 0) & (sizes >= config.minimum_area)
    folder = config.root / config.images.replace("{split}", config.split)
    paths = {number: folder / name for number, name in file.images.items() if name}
    return [
        Annotation(
            image=paths[entries[i]["image_id"]],
            keypoints=keypoints[i],
            labelled=labelled[i],
            occluded=occluded[i],
            box=boxes[i],
            area=float(_area(entries[i]) or AREA_OF_BOX * sizes[i]),
            torso=reference_length(keypoints[i], labelled[i], file.skeleton.torso),
            head=reference_length(keypoints[i], labelled[i], file.skeleton.head),
            image_id=entries[i]["image_id"],
            person_id=entries[i]["id"],
            crowd=bool(crowd[i]),
        )
        for i in np.flatnonzero(chosen).tolist()
    ]


def _boxes(entries: Sequence[Entry], keypoints: Float[np.ndarray, "N K 2"], labelled: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, "N 4"]:
    """Labelled boxes as corners; where one is missing or empty, the extent of the labelled keypoints (zeros where there are none)."""
    boxes = np.array([entry.get("bbox") or [0, 0, 0, 0] for entry in entries], np.float64).reshape(-1, 4)
    empty = (boxes[:, 2:] <= 0).any(1)
    boxes[:, 2:] += boxes[:, :2]
    boxes[empty] = 0.0
    for i in np.flatnonzero(empty & labelled.any(1)):
        boxes[i] = extent(keypoints[i], labelled[i])
    return boxes
