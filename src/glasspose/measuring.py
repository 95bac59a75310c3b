"""The numbers of an evaluation, from labels and predictions: scores with intervals, groups, sides, corners, and what is kept of everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.configs.framing import Framing
from glasspose.data.framing import shown
from glasspose.geometry import Box, compose, crop_matrix, resize_matrix
from glasspose.metrics import (
    GRID,
    Kept,
    Matched,
    PerPerson,
    Score,
    auc,
    box_scores,
    coco_results,
    coco_truth,
    corners,
    distances,
    epe,
    is_group,
    measure,
    oks_scores,
    pck,
    pckh_table,
    per_person,
    protocols,
    shares_of_parts,
)
from glasspose.skeletons import MPII, Skeleton
from glasspose.structures import Annotation

Told = Float[np.ndarray, "n K 3"]
"""x, y in image pixels, score."""
STANDARD = {"pck@0.2": ("torso", 0.2), "pck@0.1": ("torso", 0.1), "pckh@0.5": ("head", 0.5)}
"""The PCK of every evaluation: the labels' reference length, and the threshold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbers:
    """What an evaluation found."""

    report: dict[str, Any]
    """Plain data, without the people."""
    kept: Kept


def match(told: Told, people: Sequence[Annotation], skeleton: Skeleton, input_size: tuple[int, int], framing: Framing) -> Matched:
    """Predictions beside the labels of the same people. The grid lies over what the network is shown."""
    grid = (round(GRID * input_size[0] / max(input_size)), round(GRID * input_size[1] / max(input_size)))
    return Matched(
        skeleton=skeleton,
        predicted=told[..., :2],
        truth=np.stack([p.keypoints for p in people]),
        labelled=np.stack([p.labelled for p in people]),
        occluded=np.stack([p.occluded for p in people]),
        torso=np.array([p.torso or 0.0 for p in people]),
        head=np.array([p.head or 0.0 for p in people]),
        image_ids=np.array([p.image_id for p in people]),
        to_grid=np.stack([_to_grid(shown(p, framing, input_size), input_size, grid) for p in people]),
        grid=grid,
        unanswered=told[..., 2] == 0,
    )


def numbers(told: Told, people: Sequence[Annotation], matched: Matched, names: Sequence[str] = ()) -> Numbers:
    """All scores of some predictions; `names` are further protocols (metrics/protocols.py)."""
    scores, kept = _standard(matched)
    found: dict[str, Any] = {"n": len(people), "images": len(set(matched.image_ids.tolist()))}
    found |= {name: _described(name, score, kept, matched) for name, score in scores.items()}
    found["corners"] = corners(matched)
    if matched.skeleton == MPII and (matched.head > 0).any():
        found["mpii"] = _mpii(matched)
    if len(matched.skeleton) == 2:
        found["boxes"] = box_scores(matched.predicted, matched.truth, matched.labelled, matched.image_ids).to_json()
    if names:
        measured = {m.name: m for m in (measure(matched, by) for by in protocols(names))}
        found["protocols"] = {name: m.to_json() for name, m in measured.items()}
        kept |= {name: per_person(m.values, m.counted, m.columns, m.average) for name, m in measured.items()}
    if matched.skeleton.sigmas is not None:
        results = coco_results(told[..., :2], told[..., 2].mean(1), matched.image_ids)
        found["oks"] = oks_scores(truth_of(people), results, matched.skeleton)
    ids = np.array([p.person_id for p in people])
    return Numbers(report=found, kept=Kept(image_ids=matched.image_ids, person_ids=ids, scores=kept))


def truth_of(people: Sequence[Annotation]) -> dict[str, Any]:
    """Labelled people as OKS wants them."""
    return coco_truth(
        np.stack([p.keypoints for p in people]),
        np.stack([p.labelled for p in people]),
        np.stack([p.box for p in people]),
        np.array([p.area for p in people]),
        np.array([p.image_id for p in people]),
        np.array([p.crowd for p in people]),
    )


def _to_grid(box: Box, input_size: tuple[int, int], grid: tuple[int, int]) -> Float[np.ndarray, "2 3"]:
    return compose(resize_matrix(input_size, grid), crop_matrix(box, input_size))


def _standard(matched: Matched) -> tuple[dict[str, Score], dict[str, PerPerson]]:
    """The scores of every evaluation as far as the labels allow, and those of them that are kept of everybody."""
    apart = distances(matched.predicted, matched.truth)
    scores: dict[str, Score] = {}
    kept: dict[str, PerPerson] = {}
    columns = matched.skeleton.keypoints
    for name, (unit, threshold) in STANDARD.items():
        length = getattr(matched, unit)
        if (length > 0).any():
            scores[name] = pck(apart, matched.labelled, length, threshold, image_ids=matched.image_ids)
            known = np.where(length > 0, length, np.inf)[:, None]
            kept[name] = per_person(apart / known <= threshold, matched.labelled & (length > 0)[:, None], columns, "keypoints")
        if name == "pck@0.1" and "pck@0.1" in scores:
            scores["auc"] = auc(apart, matched.labelled, length, image_ids=matched.image_ids)
    scores["epe"] = epe(apart, matched.labelled, image_ids=matched.image_ids)
    kept["epe"] = per_person(apart, matched.labelled, columns, "keypoints", hits=False)
    return scores, kept


def _described(name: str, score: Score, kept: dict[str, PerPerson], matched: Matched) -> dict[str, Any]:
    """A score with the keypoints, their groups and their sides by name."""
    names = matched.skeleton.keypoints
    plain = score.to_json()
    plain["per_keypoint"] = dict(zip(names, score.per_keypoint, strict=True))
    plain["counts"] = dict(zip(names, score.counts, strict=True))
    plain["per_keypoint_intervals"] = dict(zip(names, score.per_keypoint_intervals or [None] * len(names), strict=True))
    if name in kept:
        parts = shares_of_parts(kept[name].values, kept[name].counted, names, matched.image_ids)
        plain["groups"] = {part: share.to_json() for part, share in parts.items() if is_group(part)}
        plain["sides"] = {part: share.to_json() for part, share in parts.items() if not is_group(part)}
    return plain


def _mpii(matched: Matched) -> dict[str, Any]:
    """PCKh@0.5 as papers print it, and both means that go by the name."""
    apart = distances(matched.predicted, matched.truth)
    table = pckh_table(apart, matched.labelled, matched.head, image_ids=matched.image_ids)
    means = {
        "mean_14_joints": (table.official.mean, table.official.interval),
        "pooled_16_joints": (table.all_joints.micro, table.all_joints.micro_interval),
    }
    return {"row": dict(table.row)} | {name: {"value": value, "interval": interval} for name, (value, interval) in means.items()}
