"""Neck and head top for people whose labels have only face and shoulders, such as COCO's: derived, not seen by an annotator, so an option.

In an upright body the shoulders (acromion) are at 0.818, the chin at 0.870 and the eyes at 0.936 of the stature (Drillis and Contini 1966, as
in Winter, "Biomechanics and Motor Control of Human Movement", figure 4.1). So from the middle of the shoulders towards the eyes, with that
way as unit, the neck just below the chin is at 0.35 and the top of the head at 1.54.
"""

from dataclasses import replace

import numpy as np

from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation, Dataset

NECK, HEAD_TOP = 0.35, 1.54
FORESHORTENED = 0.35
"""Where eyes and shoulders are closer together than this share of the shoulders' width, the head is bent and nothing is derived."""


def with_heads(dataset: Dataset) -> Dataset:
    """The same people with two more keypoints, `neck` and `head_top`, labelled where both shoulders and the face allow it."""
    old = dataset.skeleton
    count = len(old)
    skeleton = Skeleton(
        name=f"{old.name}+head",
        keypoints=(*old.keypoints, "neck", "head_top"),
        pairs=old.pairs,
        limbs=(*old.limbs, (count + 1, count)),
        torso=old.torso,
        head=(count, count + 1),
    )
    return Dataset(name=f"{dataset.name}+head", skeleton=skeleton, annotations=[_with_head(person, old) for person in dataset.annotations])


def _with_head(person: Annotation, skeleton: Skeleton) -> Annotation:
    derived = _derive(person, skeleton)
    points = np.zeros((2, 2)) if derived is None else derived
    known = np.full(2, derived is not None)
    return replace(
        person,
        keypoints=np.concatenate([person.keypoints, points]),
        labelled=np.concatenate([person.labelled, known]),
        occluded=np.concatenate([person.occluded, np.zeros(2, bool)]),
        head=float(np.linalg.norm(points[1] - points[0])) if derived is not None else None,
    )


def _derive(person: Annotation, skeleton: Skeleton) -> np.ndarray | None:
    def known(*names: str) -> list[np.ndarray]:
        places = [skeleton.index(name) for name in names if name in skeleton.keypoints]
        return [person.keypoints[k] for k in places if person.labelled[k]]

    shoulders, eyes, ears = (known(f"left_{part}", f"right_{part}") for part in ("shoulder", "eye", "ear"))
    if len(shoulders) < 2 or not eyes:
        return None
    middle = np.mean(shoulders, axis=0)
    up = np.mean([np.mean(pair, axis=0) for pair in (eyes, ears) if pair], axis=0) - middle  # ears are as high, and further back in profile
    if np.linalg.norm(up) < FORESHORTENED * np.linalg.norm(shoulders[0] - shoulders[1]):
        return None
    return np.stack([middle + NECK * up, middle + HEAD_TOP * up])
