"""Leeds Sports Pose and its Extended set: `joints.mat`, one person an image (Johnson and Everingham, BMVC 2010 and CVPR 2011)."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from glasspose.configs.data import Lsp, Lspet
from glasspose.data.faults import LARGEST, Fault, Survey, refuse
from glasspose.data.matlab import DAMAGE, variable
from glasspose.errors import AnnotationError
from glasspose.geometry import extent
from glasspose.skeletons import LSP
from glasspose.structures import Annotation, Dataset

AREA_OF_BOX = 0.53
"""A person's share of its keypoint box: what COCO's people have in the median, used where no outline is labelled."""

PUBLISHED = {"train": range(1, 1001), "test": range(1001, 2001)}
"""LSP's own splits, as image numbers."""


def read_lspet(config: Lspet) -> Dataset:
    """The people of one split, in the order of `splits.json`.

    A joint is labelled where its flag is set; the others carry junk and are masked. Images without a single labelled joint are left out.
    AnnotationError where a file is missing or of another shape, or a labelled joint has no position.
    """
    return _whole(config, *survey_lspet(config))


def survey_lspet(config: Lspet) -> tuple[Dataset, list[Fault]]:
    """The people that can be used, and what is wrong with the others."""
    joints = _joints(config.root / "joints.mat", (14, 3)).transpose(2, 0, 1)
    numbers = _numbers(config.root / "splits.json", config.split, len(joints))
    chosen = joints[np.array(numbers, int) - 1]
    people, faults = _people([f"im{n:05d}.jpg" for n in numbers], config, numbers, chosen, chosen[..., 2] > 0.5)
    return Dataset(name=f"lspet/{config.split}", skeleton=LSP, annotations=people), faults


def read_lsp(config: Lsp) -> Dataset:
    """The people of one split of the original set, where the flag says "occluded" and all joints are labelled, occluded ones too.

    AnnotationError where a file is missing or of another shape, or a joint has no position.
    """
    return _whole(config, *survey_lsp(config))


def survey_lsp(config: Lsp) -> tuple[Dataset, list[Fault]]:
    """The people that can be used, and what is wrong with the others."""
    joints = _joints(config.root / "joints.mat", (3, 14)).transpose(2, 1, 0)
    path = config.root / "splits.json"
    own = config.split in PUBLISHED and not path.exists()
    numbers = [n for n in PUBLISHED[config.split] if n <= len(joints)] if own else _numbers(path, config.split, len(joints))
    chosen = joints[np.array(numbers, int) - 1]
    people, faults = _people([f"im{n:04d}.jpg" for n in numbers], config, numbers, chosen, np.ones(chosen.shape[:2], bool))
    return Dataset(name=f"lsp/{config.split}", skeleton=LSP, annotations=people), faults


def _whole(config: Lsp | Lspet, dataset: Dataset, faults: Sequence[Fault]) -> Dataset:
    refuse(config.root / "joints.mat", faults)
    return dataset


def _people(
    names: Sequence[str], config: Lsp | Lspet, numbers: Sequence[int], joints: Float[np.ndarray, "n 14 3"], labelled: Bool[np.ndarray, "n 14"]
) -> tuple[list[Annotation], list[Fault]]:
    """Everybody with a labelled joint and nothing wrong. The original set labels all joints, and its flags say who is occluded."""
    survey = Survey(names)
    placed = (np.abs(joints[..., :2]) < LARGEST).all(-1)
    survey.error((labelled & ~placed).any(1), "keypoints", "joints.mat has no usable position for a labelled joint")
    survey.flags(joints[..., 2], "joints")
    survey.different(numbers)
    occluded = (joints[..., 2] > 0.5) & isinstance(config, Lsp)
    kept = np.flatnonzero(survey.sound & labelled.any(1)).tolist()
    folder = config.root / "images"
    return [_person(folder / names[i], numbers[i], joints[i, :, :2], labelled[i], occluded[i]) for i in kept], survey.faults


def _joints(path: Path, first: tuple[int, int]) -> Float[np.ndarray, "a b images"]:
    """x, y and flag of every image. LSPET stores (14, 3, images), LSP (3, 14, images), and their flags mean opposite things."""
    if not path.is_file():
        raise AnnotationError(f"{path} is not there", "Name the folder that holds joints.mat and images/ with --data.root")
    try:
        joints = np.asarray(variable(path.read_bytes(), b"joints"), np.float64)
    except (*DAMAGE, OSError) as problem:
        raise AnnotationError(f"{path} is not a joints.mat ({type(problem).__name__})", "Fetch the dataset again") from None
    if joints.ndim == 3 and joints.shape[:2] == first:
        return joints
    if joints.ndim == 3 and joints.shape[:2] == first[::-1]:
        raise AnnotationError(f"{path} is of the other set of Leeds", f"Use --data.kind {'lsp' if first == (14, 3) else 'lspet'}")
    raise AnnotationError(f"{path}: joints of shape {joints.shape}", f"Expected ({first[0]}, {first[1]}, images)")


def _numbers(path: Path, split: str, count: int) -> list[int]:
    if split == "all":
        return list(range(1, count + 1))
    numbers = split_ids(path, split)
    if any(not 1 <= number <= count for number in numbers):
        raise AnnotationError(f"{path}: split {split!r} names images outside 1 to {count}", "Image numbers count from 1")
    return numbers


def split_ids(path: Path, split: str) -> list[int]:
    """The image ids of one split of a `splits.json`. AnnotationError where the file or the split is missing, or the file is something else."""
    try:
        splits = json.loads(path.read_bytes())
        return [int(number) for number in splits[split]]
    except FileNotFoundError:
        raise AnnotationError(f"{path} is not there", "Write one with `glasspose data split`, or use --data.split all") from None
    except KeyError:
        raise AnnotationError(f"{path} has no split {split!r}", f"It has {', '.join(name for name in splits if name != 'by')}, and `all`") from None
    except (ValueError, TypeError, OverflowError, RecursionError, OSError) as problem:
        raise AnnotationError(f"{path} is not a split file ({type(problem).__name__})", 'It looks like {"train": [1, 2], "val": [3]}') from None


def split_unit(path: Path) -> Literal["image", "person"]:
    """What the numbers of a readable `splits.json` are."""
    splits = json.loads(path.read_bytes())
    return "person" if isinstance(splits, dict) and splits.get("by") == "person" else "image"


def _person(
    image: Path, number: int, joints: Float[np.ndarray, "14 2"], labelled: Bool[np.ndarray, " 14"], occluded: Bool[np.ndarray, " 14"]
) -> Annotation:
    keypoints = np.where(np.abs(joints) < LARGEST, joints, 0.0)
    box = extent(keypoints, labelled)
    return Annotation(
        image=image,
        keypoints=keypoints,
        labelled=labelled,
        occluded=occluded,
        box=box,
        area=AREA_OF_BOX * float((box[2] - box[0]) * (box[3] - box[1])),
        torso=reference_length(keypoints, labelled, LSP.torso),
        head=reference_length(keypoints, labelled, LSP.head),
        image_id=number,
        person_id=number,
    )


def reference_length(keypoints: Float[np.ndarray, "K 2"], labelled: np.ndarray, ends: tuple[int, int] | None) -> float | None:
    """The distance of two keypoints in pixels; None where one of them is not labelled or both coincide."""
    if ends is None or not (labelled[ends[0]] and labelled[ends[1]]):
        return None
    return math.dist(keypoints[ends[0]], keypoints[ends[1]]) or None
