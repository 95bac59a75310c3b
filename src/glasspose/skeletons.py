"""What a keypoint set is, and the sets of the field: COCO-17, MPII-16, LSP-14, FLIC-11, or any COCO `categories` entry.

Names are those of the dataset's own documents in snake_case; the same name in two skeletons means the same place on the body.
"Left" is the person's own left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from glasspose.errors import AnnotationError

_SIDES = {"left", "right"}
_LOWER_BODY = ("hip", "knee", "ankle", "foot", "heel", "toe", "pelvis")


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """K named keypoints, and what metrics, flips and drawings need to know about them.

    `pairs` are (left, right) indices, `limbs` index pairs, all 0-based. `sigmas` are the OKS constants, or None where nobody has measured
    them: then OKS is refused. `torso` and `head` are the two keypoints whose distance normalises PCK and PCKh.
    """

    name: str
    keypoints: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...] = ()
    limbs: tuple[tuple[int, int], ...] = ()
    sigmas: tuple[float, ...] | None = None
    torso: tuple[int, int] | None = None
    head: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        count = len(self.keypoints)
        if count == 0 or len(set(self.keypoints)) != count:
            raise AnnotationError(f"skeleton {self.name} needs keypoints with different names", f"It has {list(self.keypoints)}")
        for what, group in (("pairs", self.pairs), ("limbs", self.limbs), ("torso", [self.torso or (0, 0)]), ("head", [self.head or (0, 0)])):
            if any(len(pair) != 2 or not all(0 <= i < count for i in pair) for pair in group):
                raise AnnotationError(f"skeleton {self.name}: {what} point outside its {count} keypoints", "Indices are 0-based pairs")
        paired = [i for pair in self.pairs for i in pair]
        if len(set(paired)) != len(paired):
            raise AnnotationError(f"skeleton {self.name}: a keypoint stands in two left/right pairs", "Each has one mirror twin")
        if self.sigmas is not None and (len(self.sigmas) != count or not all(0 < sigma < float("inf") for sigma in self.sigmas)):
            raise AnnotationError(f"skeleton {self.name} has {len(self.sigmas)} OKS sigmas for {count} keypoints", "Give one positive number each")

    def __len__(self) -> int:
        return len(self.keypoints)

    @cached_property
    def flip(self) -> tuple[int, ...]:
        """For each keypoint the index of its mirror twin, itself where it has none."""
        order = list(range(len(self)))
        for left, right in self.pairs:
            order[left], order[right] = right, left
        return tuple(order)

    @cached_property
    def mirrors(self) -> bool:
        """Whether a mirrored person can be labelled with these keypoints: every one that has a side in its name has its twin.

        The corners of a box have none: mirrored, its top left corner is the top right one.
        """
        paired = {i for pair in self.pairs for i in pair}
        return not any(i not in paired and _SIDES & set(name.lower().split("_")) for i, name in enumerate(self.keypoints))

    @cached_property
    def lower_body(self) -> tuple[int, ...]:
        """The keypoints from the hips down, by their names."""
        return tuple(i for i, name in enumerate(self.keypoints) if any(part in name for part in _LOWER_BODY))

    @cached_property
    def corners(self) -> tuple[int, int] | None:
        """(top left, bottom right) where the keypoints are the two corners of a box, by their names."""
        what = {name.removesuffix("_top_left").removesuffix("_bottom_right") for name in self.keypoints}
        wanted = [f"{name}{end}" for name in what for end in ("_top_left", "_bottom_right")]
        return (self.index(wanted[0]), self.index(wanted[1])) if len(self) == 2 and set(wanted) == set(self.keypoints) else None

    def index(self, keypoint: str) -> int:
        """The place of a keypoint by name. AnnotationError where the skeleton has none of that name."""
        if keypoint not in self.keypoints:
            raise AnnotationError(f"skeleton {self.name} has no keypoint {keypoint!r}", f"It has {', '.join(self.keypoints)}")
        return self.keypoints.index(keypoint)

    def to_json(self) -> dict[str, Any]:
        """Plain data, for cards and checkpoints; `skeleton_from_json` reads it back."""
        lists = {"keypoints": self.keypoints, "pairs": self.pairs, "limbs": self.limbs, "sigmas": self.sigmas, "torso": self.torso, "head": self.head}
        return {"name": self.name} | {key: _listed(value) for key, value in lists.items()}


SAME_PLACE = {"upper_neck": "neck"}
"""MPII's upper neck and LSP's neck are both where head and neck meet: where one skeleton lacks a name, this other one stands for it.
All other names that two skeletons share (hips, head_top, ...) are taken to mean the same place, and what only one has (pelvis, thorax,
eyes, ears, nose) is left out."""


def shared_keypoints(source: Skeleton, target: Skeleton) -> list[tuple[int, int]]:
    """(place in `target`, place in `source`) of all keypoints that both have, by name or by `SAME_PLACE`."""
    other = SAME_PLACE | {new: old for old, new in SAME_PLACE.items()}
    found = ((i, name if name in source.keypoints else other.get(name)) for i, name in enumerate(target.keypoints))
    return [(i, source.keypoints.index(name)) for i, name in found if name in source.keypoints]


def skeleton_from_json(data: Mapping[str, Any]) -> Skeleton:
    """A skeleton from `Skeleton.to_json`. AnnotationError where a field is missing or of the wrong type."""
    try:
        return Skeleton(
            name=str(data["name"]),
            keypoints=tuple(str(k) for k in data["keypoints"]),
            pairs=_pairs(data["pairs"]),
            limbs=_pairs(data["limbs"]),
            sigmas=None if data["sigmas"] is None else tuple(float(s) for s in data["sigmas"]),
            torso=None if data["torso"] is None else _pairs([data["torso"]])[0],
            head=None if data["head"] is None else _pairs([data["head"]])[0],
        )
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise AnnotationError(f"not a skeleton: {type(problem).__name__} at {problem}", "Write it with Skeleton.to_json") from None


def skeleton_from_coco(category: Mapping[str, Any], sigmas: Sequence[float] | None = None, torso: tuple[str, str] | None = None) -> Skeleton:
    """A skeleton from one entry of a COCO file's `categories`, whose `skeleton` counts from 1.

    Left/right pairs come from the names (`left_x` and `right_x`, or a leading or trailing `l`/`r`). A category with the 17 names of COCO is COCO.
    `torso` names the two keypoints whose distance is the unit of PCK. AnnotationError where the category lacks one of them.
    """
    names = category.get("keypoints")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise AnnotationError(f"category {category.get('name')!r} names no keypoints", "Add a list `keypoints` to the category")
    keypoints = tuple(names)
    if keypoints == COCO.keypoints and sigmas is None and torso is None:
        return COCO
    if unknown := [name for name in torso or () if name not in keypoints]:
        raise AnnotationError(f"torso names {unknown[0]!r}, which is no keypoint of the file", f"It has {', '.join(keypoints)}")
    edges = category.get("skeleton") or []
    try:
        limbs = tuple((int(a) - 1, int(b) - 1) for a, b in edges)
    except (TypeError, ValueError, OverflowError):
        raise AnnotationError(f"category {category.get('name')!r}: `skeleton` is not a list of pairs", "Pairs count from 1") from None
    return Skeleton(
        name=str(category.get("name", "custom")),
        keypoints=keypoints,
        pairs=_pairs_by_name(keypoints),
        limbs=limbs,
        sigmas=None if sigmas is None else tuple(sigmas),
        torso=_both(keypoints, *(torso or ("right_hip", "left_shoulder"))),
        head=_both(keypoints, "neck", "head_top"),
    )


def _pairs_by_name(keypoints: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """(left, right) of names that differ in one side word, whatever its case and place."""
    sides = {"left": "right", "l": "r"}

    def mirrored(name: str) -> str | None:
        words = name.replace("-", "_").lower().split("_")
        found = [i for i, word in enumerate(words) if word in sides]
        return "_".join([*words[: found[0]], sides[words[found[0]]], *words[found[0] + 1 :]]) if len(found) == 1 else None

    places = {name.replace("-", "_").lower(): i for i, name in enumerate(keypoints)}
    twins = ((i, places.get(mirrored(name) or "")) for i, name in enumerate(keypoints))
    return tuple((i, twin) for i, twin in twins if twin is not None)


def _both(keypoints: Sequence[str], first: str, second: str) -> tuple[int, int] | None:
    return (keypoints.index(first), keypoints.index(second)) if first in keypoints and second in keypoints else None


def _pairs(data: Sequence[Sequence[Any]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(pair[0]), int(pair[1])) for pair in data)


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def _named(name: str, keypoints: str, limbs: str, torso: tuple[str, str] | None, head: tuple[str, str] | None = None, **more: Any) -> Skeleton:
    """A skeleton written with names only."""
    names = tuple(keypoints.split())
    edges = tuple((names.index(a), names.index(b)) for a, b in (limb.split("-") for limb in limbs.split()))
    return Skeleton(
        name=name,
        keypoints=names,
        pairs=_pairs_by_name(names),
        limbs=edges,
        torso=_both(names, *torso) if torso else None,
        head=_both(names, *head) if head else None,
        **more,
    )


_ARMS_AND_LEGS = (
    "right_shoulder-right_elbow right_elbow-right_wrist left_shoulder-left_elbow left_elbow-left_wrist "
    "right_hip-right_knee right_knee-right_ankle left_hip-left_knee left_knee-left_ankle"
)

COCO = _named(
    "coco",
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist "
    "left_hip right_hip left_knee right_knee left_ankle right_ankle",
    _ARMS_AND_LEGS + " left_shoulder-right_shoulder left_hip-right_hip left_shoulder-left_hip right_shoulder-right_hip "
    "left_eye-right_eye nose-left_eye nose-right_eye left_eye-left_ear right_eye-right_ear left_ear-left_shoulder right_ear-right_shoulder",
    torso=("right_hip", "left_shoulder"),
    sigmas=(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
MPII = _named(
    "mpii",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle pelvis thorax upper_neck head_top "
    "right_wrist right_elbow right_shoulder left_shoulder left_elbow left_wrist",
    _ARMS_AND_LEGS
    + " head_top-upper_neck upper_neck-thorax thorax-pelvis thorax-right_shoulder thorax-left_shoulder pelvis-right_hip pelvis-left_hip",
    torso=("right_hip", "left_shoulder"),
    head=("upper_neck", "head_top"),
)
LSP = _named(
    "lsp",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow right_shoulder left_shoulder "
    "left_elbow left_wrist neck head_top",
    _ARMS_AND_LEGS + " head_top-neck neck-right_shoulder neck-left_shoulder right_shoulder-right_hip left_shoulder-left_hip right_hip-left_hip",
    torso=("right_hip", "left_shoulder"),
    head=("neck", "head_top"),
)
FLIC = _named(
    "flic",
    "left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist left_hip right_hip left_eye right_eye nose",
    "right_shoulder-right_elbow right_elbow-right_wrist left_shoulder-left_elbow left_elbow-left_wrist left_shoulder-right_shoulder "
    "left_hip-right_hip left_shoulder-left_hip right_shoulder-right_hip nose-left_eye nose-right_eye",
    torso=("right_shoulder", "left_hip"),
)
HEAD_BOX = _named(
    "head_box",
    "head_top_left head_bottom_right",
    "head_top_left-head_bottom_right",
    ("head_top_left", "head_bottom_right"),
    ("head_top_left", "head_bottom_right"),
)
"""Two corners of the head's box: head detection as pose estimation. PCK counts in its diagonals."""
SKELETONS: Mapping[str, Skeleton] = {skeleton.name: skeleton for skeleton in (COCO, MPII, LSP, FLIC, HEAD_BOX)}
