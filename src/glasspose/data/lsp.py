"""Leeds Sports Pose and its Extended set: `joints.mat`, one person an image (Johnson and Everingham, BMVC 2010 and CVPR 2011)."""

import json
from pathlib import Path

import numpy as np
import scipy.io
from jaxtyping import Float

from glasspose.configs.data import Lspet
from glasspose.errors import AnnotationError
from glasspose.geometry import extent
from glasspose.skeletons import LSP
from glasspose.structures import Annotation, Dataset

AREA_OF_BOX = 0.53
"""A person's share of its keypoint box: what COCO's people have in the median, used where no outline is labelled."""


def read_lspet(config: Lspet) -> Dataset:
    """The people of one split, in the order of `splits.json`.

    A joint is labelled where the flag is set and the position lies in the image's own coordinates; the others carry junk and are masked.
    Images without a single labelled joint are left out. AnnotationError where a file is missing or of another shape.
    """
    joints = _joints(config.root / "joints.mat")
    numbers = _numbers(config.root / "splits.json", config.split, len(joints))
    people = [_person(config.root / "images" / f"im{number:05d}.jpg", number, joints[number - 1]) for number in numbers if joints[number - 1, :, 2].any()]
    return Dataset(name=f"lspet/{config.split}", skeleton=LSP, annotations=people)


def _joints(path: Path) -> Float[np.ndarray, "images 14 3"]:
    """x, y, labelled of every image. LSP stores (3, 14, images), LSPET (14, 3, images); LSP's flag says "occluded" and is turned round."""
    try:
        joints = np.asarray(scipy.io.loadmat(path)["joints"], np.float64)
    except FileNotFoundError:
        raise AnnotationError(f"{path} is not there", "Name the folder that holds joints.mat and images/ with --data.root") from None
    except (KeyError, ValueError, TypeError, OSError, NotImplementedError) as problem:
        raise AnnotationError(f"{path} is not a joints.mat ({type(problem).__name__})", "Fetch the dataset again") from None
    if joints.ndim == 3 and joints.shape[:2] == (14, 3):
        return joints.transpose(2, 0, 1)
    if joints.ndim == 3 and joints.shape[:2] == (3, 14):
        return joints.transpose(2, 1, 0) * [1, 1, -1] + [0, 0, 1]
    raise AnnotationError(f"{path}: joints of shape {joints.shape}", "Expected (14, 3, images) or (3, 14, images)")


def _numbers(path: Path, split: str, count: int) -> list[int]:
    if split == "all":
        return list(range(1, count + 1))
    try:
        splits = json.loads(path.read_text())
        numbers = [int(number) for number in splits[split]]
    except FileNotFoundError:
        raise AnnotationError(f"{path} is not there", "Write one with `glasspose data split`, or use --data.split all") from None
    except KeyError:
        raise AnnotationError(f"{path} has no split {split!r}", f"It has {', '.join(splits)}, and `all`") from None
    except (ValueError, TypeError) as problem:
        raise AnnotationError(f"{path} is not a split file ({problem})", 'It looks like {"train": [1, 2], "val": [3]}') from None
    if any(not 1 <= number <= count for number in numbers):
        raise AnnotationError(f"{path}: split {split!r} names images outside 1 to {count}", "Image numbers count from 1")
    return numbers


def _person(image: Path, number: int, joints: Float[np.ndarray, "14 3"]) -> Annotation:
    labelled = joints[:, 2] > 0.5
    keypoints = np.where(np.isfinite(joints[:, :2]), joints[:, :2], 0.0)
    box = extent(keypoints, labelled)
    return Annotation(
        image=image,
        keypoints=keypoints,
        labelled=labelled,
        occluded=np.zeros(len(labelled), bool),
        box=box,
        area=AREA_OF_BOX * float((box[2] - box[0]) * (box[3] - box[1])),
        torso=reference_length(keypoints, labelled, LSP.torso),
        head=reference_length(keypoints, labelled, LSP.head),
        image_id=number,
        person_id=number,
    )


def reference_length(keypoints: Float[np.ndarray, "K 2"], labelled: np.ndarray, ends: tuple[int, int] | None) -> float | None:
    """The distance of two keypoints in pixels; None where one of them is not labelled or both coincide."""
    if ends is None or not labelled[list(ends)].all():
        return None
    return float(np.linalg.norm(keypoints[ends[0]] - keypoints[ends[1]])) or None
