"""A repaired copy of a dataset, in COCO's form: what `data check` finds and a rule can mend. The original is only read.

Whoever cannot be used is left out, a keypoint that cannot be right becomes one that is not labelled, and a box is cut at the picture's edge.
What only a person can judge (left and right, few keypoints) stays as it is.
"""

import json
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from glasspose.configs.data import Data, DrawnPeople
from glasspose.data.checking import People, everybody, labelled_twice, look
from glasspose.data.lsp import AREA_OF_BOX
from glasspose.errors import AnnotationError, ImageError, UsageError
from glasspose.files import write_atomically
from glasspose.geometry import extent, inside
from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation, Dataset

LABELS, IMAGES = "labels.json", "images"


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """What `repair` wrote."""

    folder: Path
    people: int
    left_out: Mapping[str, int]
    """People by reason; entries that no reader can use are counted too."""
    changed: Mapping[str, int]
    """People by what was mended."""


def repair(data: Data, out: Path) -> Repaired:
    """Write `labels.json` and `images/` (links to the pictures) into a new folder; the same input gives the same bytes.

    UsageError where the folder is not empty or lies in the dataset, AnnotationError where nobody is left.
    """
    _check_place(data, out)
    dataset, faults = everybody(data)
    left_out = Counter(fault.rule for fault in faults if fault.severity == "error" and fault.rule != "image-entry")
    changed: Counter[str] = Counter()
    paths = sorted({person.image for person in dataset.annotations})
    with ThreadPoolExecutor() as pool:
        sizes = dict(zip(paths, pool.map(look, paths), strict=True))
    kept: list[Annotation] = []
    for person in dataset.annotations:
        seen = sizes[person.image]
        mended, why = (None, "unreadable or missing picture") if isinstance(seen, ImageError) else _mended(person, dataset.skeleton, seen)
        kept += [] if mended is None else [mended]
        (left_out if mended is None else changed).update(why if isinstance(why, set) else [why])
    twice = {i for i, _ in labelled_twice(People(skeleton=dataset.skeleton, people=kept, sizes={}))}
    left_out["labelled twice"] += len(twice)
    people = [person for i, person in enumerate(kept) if i not in twice]
    if not people:
        raise AnnotationError(f"{dataset.name}: nobody is left to be written", "Look at what `glasspose data check` says")
    _write(Dataset(name=dataset.name, skeleton=dataset.skeleton, annotations=people), {p: s for p, s in sizes.items() if isinstance(s, tuple)}, out)
    return Repaired(folder=out, people=len(people), left_out=_told(left_out), changed=_told(changed))


def _told(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts) if counts[name]}


def _check_place(data: Data, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and not empty", "Name a new folder with --repair")
    if not isinstance(data, DrawnPeople) and data.root.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(f"{out} lies inside the dataset", "Name a folder elsewhere with --repair: the original is not written into")


def _mended(person: Annotation, skeleton: Skeleton, size: tuple[int, int]) -> tuple[Annotation | None, str | set[str]]:
    """The person with everything mended that can be, and what was; None and the reason where nothing helps."""
    count = len(skeleton)
    if (person.keypoints.shape, person.labelled.shape, person.occluded.shape, person.box.shape) != ((count, 2), (count,), (count,), (4,)):
        return None, "wrong number of keypoints"
    finite = np.isfinite(person.keypoints).all(1)
    usable = finite & inside(np.where(finite[:, None], person.keypoints, -9.0), size) & (person.keypoints != 0).any(1)
    labelled = person.labelled & usable
    mended = {"a keypoint that cannot be right is not labelled"} if (person.labelled & ~usable).any() else set()
    keypoints = np.where(labelled[:, None], person.keypoints, 0.0)
    box = np.clip(person.box, 0, [size[1], size[0], size[1], size[0]]) if np.isfinite(person.box).all() else np.zeros(4)
    if (np.abs(box - person.box) > 1).any():
        mended.add("a box is cut at the picture's edge")
    if (box[2:] - box[:2]).min() < 1:
        box = np.clip(extent(keypoints, labelled), 0, [size[1], size[0], size[1], size[0]]) if labelled.any() else np.zeros(4)
        mended = mended - {"a box is cut at the picture's edge"} | {"a box is drawn around the keypoints"}
    if (box[2:] - box[:2]).min() < 1:
        return None, "neither a box nor two keypoints apart"
    area, most = person.area, float((box[2:] - box[:2]).prod())
    if not 0 < area <= 1.1 * most + 1:
        area = AREA_OF_BOX * most
        mended.add("an area is estimated from the box")
    return replace(person, keypoints=keypoints, labelled=labelled, occluded=person.occluded & labelled, box=box, area=area), mended


def _write(dataset: Dataset, sizes: Mapping[Path, tuple[int, int]], out: Path) -> None:
    """COCO's form; a picture's name begins with its number, so that equal names from different folders stay apart."""
    names = {person.image: f"{person.image_id:012d}{person.image.suffix.lower()}" for person in dataset.annotations}
    images = [
        {"id": number, "file_name": names[path], "height": sizes[path][0], "width": sizes[path][1]}
        for number, path in sorted({(person.image_id, person.image) for person in dataset.annotations})
    ]
    skeleton = dataset.skeleton
    category = {"id": 1, "name": skeleton.name, "keypoints": list(skeleton.keypoints), "skeleton": [[a + 1, b + 1] for a, b in skeleton.limbs]}
    document = {"images": images, "annotations": [_entry(person) for person in dataset.annotations], "categories": [category]}
    (out / IMAGES).mkdir(parents=True)
    for path, name in names.items():
        (out / IMAGES / name).symlink_to(path.resolve())
    write_atomically(out / LABELS, (json.dumps(document) + "\n").encode())


def _entry(person: Annotation) -> dict[str, Any]:
    flags = np.where(person.labelled, np.where(person.occluded, 1, 2), 0)
    values = [number for (x, y), flag in zip(person.keypoints.tolist(), flags.tolist(), strict=True) for number in (x, y, flag)]
    x1, y1, x2, y2 = person.box.tolist()
    return {
        "id": person.person_id,
        "image_id": person.image_id,
        "category_id": 1,
        "keypoints": values,
        "num_keypoints": int(person.labelled.sum()),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": float(person.area),
        "iscrowd": int(person.crowd),
    }
