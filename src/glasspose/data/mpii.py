"""MPII Human Pose (Andriluka et al., CVPR 2014), from any of the four files in which its labels are spread.

All count pixels from 1. A person comes with a place and a height in 200 pixels; the square that everybody crops is 15 heights lower and 1.25 times as
large (Newell et al., ECCV 2016). The h5 of the hourglass release has both applied, the others neither. `box` is without the 1.25 of `evaluation_box`.
"""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from glasspose.configs.data import Mpii
from glasspose.data.choosing import chosen, stays_inside
from glasspose.data.faults import Fault, Survey, refuse
from glasspose.data.hourglass_labels import read_hourglass_labels, survey_hourglass_labels
from glasspose.data.lsp import AREA_OF_BOX, reference_length
from glasspose.data.mpii_release import DAMAGE, Broken, Rect, read_release
from glasspose.errors import AnnotationError
from glasspose.geometry import extent
from glasspose.skeletons import MPII
from glasspose.structures import Annotation, Dataset

LARGEST_FILE = 1 << 29
"""Bytes, unpacked."""
HEIGHT, LOWER, WIDER = 200.0, 15.0, 1.25
"""Pixels of a person of scale 1, how many scales lower the square's middle is, and the factor that is in the h5 and not in the rest."""
HEAD = 0.6
"""Of the head box's diagonal: the reference length of PCKh."""
NAME = "mpii_annotations.json.gz"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Labels:
    """n people of a file; pixels count from 0."""

    images: Sequence[str]
    keypoints: Float[np.ndarray, "n 16 2"]
    labelled: Bool[np.ndarray, "n 16"]
    occluded: Bool[np.ndarray, "n 16"]
    middles: Float[np.ndarray, "n 2"]
    """Of the square, and its sides; 0 where the file does not say."""
    sides: Float[np.ndarray, " n"]
    heads: Float[np.ndarray, " n"]
    """Pixels; 0 where the file does not say."""
    numbers: Sequence[tuple[int, int]]
    """Image and person, from 1, as in the official file."""
    validation: Sequence[bool] | None = None
    """Who is in Tompson's validation set; None where the file holds one part only."""
    head_boxes: Sequence[Float[np.ndarray, " 4"]] | None = None
    """Opposite corners, pixels; None where the file has none."""
    others: Sequence[int] | None = None
    """How many more people there are in the picture; None where the file does not say."""


def read_mpii(config: Mpii) -> Dataset:
    """The labelled people of one split, in the file's order; no picture is opened.

    `head` is 0.6 of the head box's diagonal; the jsons have no head boxes and take those of a valid.h5 beside them, by number. Without a
    place or a scale, the box is the extent of the labelled keypoints. AnnotationError where a file is missing or damaged, or a split or
    the single people are asked of a file that does not know them.
    """
    dataset, faults = survey_mpii(config)
    refuse(_path(config), faults)
    return dataset


def survey_mpii(config: Mpii) -> tuple[Dataset, list[Fault]]:
    """The people of one split that can be used, and what is wrong with the other people of the file. AnnotationError as of `read_mpii`."""
    path = _path(config)
    labels, faults = _read(path, config)
    if labels.validation is None and config.splits is None and config.split != "all" and "{split}" not in (config.labels or NAME):
        raise AnnotationError(f"{path} holds one part of MPII", "Put {split} for the part into --data.labels, or use --data.split all")
    if config.single_person and labels.others is None:
        raise AnnotationError(f"{path} does not say who else is in a picture", f"Take {NAME} or the official .mat for --data.single-person")
    kept = [i for i in range(len(labels.images)) if labels.labelled[i].any() and _in_split(labels, i, config)]
    alone = [labels.others is not None and labels.others[i] == 0 for i in kept]
    people = chosen([_person(labels, i, config.root / "images") for i in kept], alone, config)
    if not people and not faults:
        raise AnnotationError(f"{path}: nobody is left of split {config.split!r}", "Use --data.split train, val or all, and leave more people in")
    return Dataset(name=f"mpii/{config.split}", skeleton=MPII, annotations=people), faults


def _path(config: Mpii) -> Path:
    return config.root / (config.labels or NAME).replace("{split}", config.split)


def _in_split(labels: _Labels, i: int, config: Mpii) -> bool:
    whole = labels.validation is None or config.splits is not None or config.split == "all"
    return whole or (config.split in ("train", "val") and labels.validation is not None and labels.validation[i] == (config.split == "val"))


def _read(path: Path, config: Mpii) -> tuple[_Labels, list[Fault]]:
    """Who can be used, and what is wrong with the others; the form is told from the first bytes of the file."""
    if not path.is_file():
        raise AnnotationError(f"{path} is not there", "Name the folder with --data.root and the file in it with --data.labels")
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x89HDF"):
        return _sound(*_from_h5(path))
    try:
        if start.startswith(b"MATLAB"):
            return _from_release(read_release(_bounded(path)), _heads_beside(config.root), config)
        entries = json.loads(_bounded(path))
    except (*DAMAGE, OSError, EOFError, RecursionError, zlib.error) as problem:
        raise AnnotationError(f"{path} holds no labels of MPII ({type(problem).__name__})", "Fetch it again") from None
    people = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not people:
        raise AnnotationError(f"{path} is not a list of people", f"Take {NAME}, an h5 or the official .mat")
    survey = Survey([f"person {place} of the file" for place, entry in enumerate(entries, 1) if isinstance(entry, dict)])
    form = _from_json if any("joint_self" in entry for entry in people) else _from_hrnet
    labels, faults = _sound(form(people, survey, config), survey)
    nobody = Survey([f"person {place} of the file" for place, entry in enumerate(entries, 1) if not isinstance(entry, dict)])
    nobody.error(nobody.sound, "annotation-entry", "is not an object")
    return labels, nobody.faults + faults


def _sound(labels: _Labels, survey: Survey) -> tuple[_Labels, list[Fault]]:
    """Without those in whom something is wrong."""
    columns = {field.name: getattr(labels, field.name) for field in fields(labels)}
    kept: dict[str, Any] = {
        name: column[survey.sound] if isinstance(column, np.ndarray) else [value for value, sound in zip(column, survey.sound, strict=True) if sound]
        for name, column in columns.items()
        if column is not None
    }
    return replace(labels, **kept), survey.faults


def _bounded(path: Path) -> bytes:
    """The file's bytes, unpacked where it is a .gz."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise AnnotationError(f"{path} is larger than {LARGEST_FILE >> 20} MiB", "MPII's labels are smaller: fetch them again")
    return content


def _from_h5(path: Path) -> tuple[_Labels, Survey]:
    found, survey = survey_hourglass_labels(path, len(MPII))
    labelled = (found.keypoints != 0).any(-1)
    labels = _Labels(
        images=found.images,
        keypoints=np.where(labelled[..., None], found.keypoints - 1, 0.0),
        labelled=labelled,
        occluded=labelled & (found.visible < 0.5),
        middles=found.centres - 1,
        sides=np.maximum(HEIGHT / WIDER * found.scales, 0),
        heads=np.maximum(found.lengths, 0),
        numbers=[(int(i) + 1, int(p) + 1) for i, p in zip(found.image_numbers, found.person_numbers, strict=True)],
    )
    return labels, survey


def _from_json(entries: Sequence[dict[str, Any]], survey: Survey, config: Mpii) -> _Labels:
    def read(rule: str, field: str, shape: tuple[int, ...] = ()) -> Float[np.ndarray, "n ..."]:
        return survey.numbers([entry.get(field) for entry in entries], rule, field, shape)

    joints, places, scales = read("keypoints", "joint_self", (16, 3)), read("place", "objpos", (2,)), read("scale", "scale_provided")
    numbers = [(int(i), int(p)) for i, p in zip(read("annotation-id", "annolist_index"), read("annotation-id", "people_index"), strict=True)]
    validation, others = read("picture-facts", "isValidation") > 0.5, read("picture-facts", "numOtherPeople")
    images = _names(entries, "img_paths", survey)
    survey.flags(joints[..., 2], "joint_self")
    survey.scales(scales, "scale_provided")
    survey.different(numbers)
    labelled = (joints[..., :2] != 0).any(-1)
    middles, sides = _squares(places, scales)
    heads = _heads_beside(config.root)
    return _Labels(
        images=images,
        keypoints=np.where(labelled[..., None], joints[..., :2] - 1, 0.0),
        labelled=labelled,
        occluded=labelled & (joints[..., 2] < 0.5),
        middles=middles,
        sides=sides,
        heads=np.array([heads.get(number, 0.0) for number in numbers]),
        numbers=numbers,
        validation=validation.tolist(),
        others=[int(value) for value in others],
    )


def _from_hrnet(entries: Sequence[dict[str, Any]], survey: Survey, config: Mpii) -> _Labels:
    """HRNet's json: 1 says "labelled" there, and who is occluded is not kept. Images count in their order."""

    def read(rule: str, field: str, shape: tuple[int, ...] = ()) -> Float[np.ndarray, "n ..."]:
        return survey.numbers([entry.get(field) for entry in entries], rule, field, shape)

    joints, flags = read("keypoints", "joints", (16, 2)), read("keypoints", "joints_vis", (16,))
    places, scales = read("place", "center", (2,)), read("scale", "scale")
    images = _names(entries, "image", survey)
    survey.flags(flags, "joints_vis")
    survey.scales(scales, "scale")
    middles, sides = _squares(places, scales)
    order = {name: number for number, name in enumerate(dict.fromkeys(images), 1)}
    seen: Counter[str] = Counter()
    numbers = []
    for name in images:
        seen[name] += 1
        numbers.append((order[name], seen[name]))
    labelled = flags > 0.5
    return _Labels(
        images=images,
        keypoints=np.where(labelled[..., None], joints - 1, 0.0),
        labelled=labelled,
        occluded=np.zeros_like(labelled),
        middles=middles,
        sides=sides,
        heads=_heads_by_place(config.root, images, joints),
        numbers=numbers,
    )


def _from_release(people: Sequence[Rect | Broken], heads: dict[tuple[int, int], float], config: Mpii) -> tuple[_Labels, list[Fault]]:
    """The official file names the people of its test set, not those of Tompson's validation set: those are looked up in a valid.h5."""
    if not heads and config.splits is None and config.split != "all":
        raise AnnotationError(f"the official file does not say who is in split {config.split!r}", "Put valid.h5 beside it, or use --data.split all")
    rects_of = Counter(person.number[0] for person in people)
    broken = Survey([f"person {person.number[1]} of image {person.number[0]}" for person in people])
    for i, person in enumerate(people):
        if isinstance(person, Broken):
            broken.error(np.arange(len(people)) == i, person.rule, person.detail)
    named = [person for person in people if isinstance(person, Rect) and person.labelled.any()]
    survey = Survey([f"person {rect.number[1]} of image {rect.number[0]}" for rect in named])
    images = _names([{"name": rect.image} for rect in named], "name", survey)
    middles, sides = _squares(np.array([rect.place for rect in named]).reshape(-1, 2), np.array([rect.scale for rect in named]))
    labels = _Labels(
        images=images,
        keypoints=np.array([np.where(rect.labelled[:, None], rect.keypoints - 1, 0.0) for rect in named]).reshape(-1, 16, 2),
        labelled=np.array([rect.labelled for rect in named], bool).reshape(-1, 16),
        occluded=np.array([rect.occluded for rect in named], bool).reshape(-1, 16),
        middles=middles,
        sides=sides,
        heads=np.array([HEAD * float(np.linalg.norm(rect.head[2:] - rect.head[:2])) for rect in named]),
        head_boxes=[rect.head - 1 for rect in named],
        numbers=[rect.number for rect in named],
        validation=[rect.number in heads for rect in named],
        others=[rects_of[rect.number[0]] - 1 for rect in named],
    )
    labels, faults = _sound(labels, survey)
    return labels, broken.faults + faults


def _squares(places: Float[np.ndarray, "n 2"], scales: Float[np.ndarray, " n"]) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " n"]]:
    """Middle and side of everybody's square: lower by 15 scales, and not yet 1.25 times as large. Side 0 where the place or scale is missing."""
    known = (scales > 0) & (places > 0).all(1)
    return places - 1 + LOWER * scales[:, None] * [0, 1], np.where(known, HEIGHT * scales, 0.0)


def _heads_beside(root: Path) -> dict[tuple[int, int], float]:
    """Head lengths from a valid.h5 beside, by image and person; nothing where there is none."""
    if not (root / "valid.h5").is_file():
        return {}
    found = read_hourglass_labels(root / "valid.h5", len(MPII))
    numbers = zip(found.image_numbers.tolist(), found.person_numbers.tolist(), strict=True)
    return {(i + 1, p + 1): max(length, 0.0) for (i, p), length in zip(numbers, found.lengths.tolist(), strict=True)}


def _heads_by_place(root: Path, images: Sequence[str], joints: Float[np.ndarray, "n 16 2"]) -> Float[np.ndarray, " n"]:
    """The same where the file has no numbers: by the picture's name and the place of the head, which the h5 has cut to whole pixels."""
    if not (root / "valid.h5").is_file():
        return np.zeros(len(images))
    found = read_hourglass_labels(root / "valid.h5", len(MPII))
    head = MPII.index("head_top")
    keys = [(name, *np.trunc(person[head]).tolist()) for name, person in zip(found.images, found.keypoints, strict=True)]
    lengths = dict(zip(keys, found.lengths.tolist(), strict=True))
    return np.array([max(lengths.get((name, *np.trunc(person[head]).tolist()), 0.0), 0.0) for name, person in zip(images, joints, strict=True)])


def _names(entries: Sequence[dict[str, Any]], field: str, survey: Survey) -> list[str]:
    """The pictures, as file names inside the image folder."""
    names = [entry.get(field) for entry in entries]
    survey.error([not stays_inside(name) for name in names], "picture-name", f"`{field}` is not a file name inside images/")
    return [str(name) for name in names]


def _person(labels: _Labels, i: int, folder: Path) -> Annotation:
    keypoints, labelled = labels.keypoints[i], labels.labelled[i]
    around = extent(keypoints, labelled)
    middle, half = labels.middles[i] + 0.5, labels.sides[i] / 2
    image, person = labels.numbers[i]
    return Annotation(
        image=folder / labels.images[i],
        keypoints=keypoints,
        labelled=labelled,
        occluded=labels.occluded[i],
        box=np.concatenate([middle - half, middle + half]) if half > 0 else around,
        area=AREA_OF_BOX * float((around[2:] - around[:2]).prod()),
        torso=reference_length(keypoints, labelled, MPII.torso),
        head=float(labels.heads[i]) or None,
        head_box=labels.head_boxes[i] + 0.5 if labels.head_boxes is not None and labels.heads[i] > 0 else None,
        image_id=image,
        person_id=1000 * image + person,
    )
