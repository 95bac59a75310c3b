"""AP and AR over OKS, as COCO measures them; the matching is faster-coco-eval's."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from jaxtyping import Bool, Float, Int

from glasspose.errors import InputError
from glasspose.metrics.similarity import oks_sigmas
from glasspose.skeletons import Skeleton

OKS_NAMES = ("AP", "AP50", "AP75", "AP_medium", "AP_large", "AR", "AR50", "AR75", "AR_medium", "AR_large")
"""COCO's ten numbers, in its order."""


def oks_scores(truth: Mapping[str, Any], results: Sequence[Mapping[str, Any]], skeleton: Skeleton) -> dict[str, float | None]:
    """COCO's ten numbers by name, with at most 20 predictions an image; None where the labels hold no person of that size.

    `truth` is the content of a COCO annotation file, `results` that of a result file; neither is changed. As in COCO, the size of a result is
    that of its `bbox`, or of its keypoints' extent unless every result has a box. UsageError where the skeleton has no sigmas, InputError
    where an entry is malformed or stands in an image or a category that the labels do not list. Labels are numbered anew from 1, because the
    evaluator takes an id of 0 for "no match".
    """
    sigmas = oks_sigmas(skeleton)
    images, categories = _ids(truth, "images"), _ids(truth, "categories")
    people = [_entry(entry, f"annotation {i}", len(sigmas), "area", True) | {"id": i} for i, entry in enumerate(truth.get("annotations", ()), 1)]
    boxed = all(isinstance(entry, Mapping) and "bbox" in entry for entry in results)
    found = [_entry(entry, f"result {i}", len(sigmas), "score", boxed) for i, entry in enumerate(results, 1)]
    for entry in (*people, *found):
        if entry["image_id"] not in images or entry["category_id"] not in categories:
            where = f"image {entry['image_id']}, category {entry['category_id']}"
            raise InputError(f"a person stands in {where}, which the annotations do not list", "Use the annotation file that was predicted on")
    listed = {"images": [{"id": i} for i in images], "categories": [{"id": i} for i in categories], "annotations": people}
    labels = COCO(listed, print_function=_silent)
    judge = COCOeval_faster(labels, labels.loadRes(found), "keypoints", print_function=_silent, kpt_oks_sigmas=sigmas)
    judge.run()
    return {name: None if value < 0 else float(value) for name, value in zip(OKS_NAMES, judge.stats, strict=True)}


def coco_truth(
    keypoints: Float[np.ndarray, "N K 2"],
    labelled: Bool[np.ndarray, "N K"],
    boxes: Float[np.ndarray, "N 4"],
    areas: Float[np.ndarray, " N"],
    image_ids: Int[np.ndarray, " N"],
    crowd: Bool[np.ndarray, " N"],
) -> dict[str, Any]:
    """Labelled people as `oks_scores` takes them; boxes are (x1, y1, x2, y2). Images without people are to be added to its `images`."""
    rows = np.dstack([keypoints, 2 * labelled]).reshape(len(keypoints), 3 * keypoints.shape[1])
    corners = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    people = [
        {"image_id": int(image), "category_id": 1, "keypoints": row.tolist(), "bbox": box.tolist(), "area": float(area), "iscrowd": int(group)}
        for image, row, box, area, group in zip(image_ids, rows, corners, areas, crowd, strict=True)
    ]
    return {"images": [{"id": int(image)} for image in np.unique(image_ids)], "annotations": people, "categories": [{"id": 1}]}


def coco_results(keypoints: Float[np.ndarray, "N K 2"], scores: Float[np.ndarray, " N"], image_ids: Int[np.ndarray, " N"]) -> list[dict[str, Any]]:
    """Predicted people as `oks_scores` takes them, unrounded; `scores` is one number a person."""
    rows = np.dstack([keypoints, np.ones(keypoints.shape[:2])]).reshape(len(keypoints), 3 * keypoints.shape[1])
    return [
        {"image_id": int(image), "category_id": 1, "keypoints": row.tolist(), "score": float(score)}
        for image, row, score in zip(image_ids, rows, scores, strict=True)
    ]


def _ids(truth: Mapping[str, Any], what: str) -> set[int]:
    try:
        return {int(entry["id"]) for entry in truth[what]}
    except (KeyError, TypeError, ValueError) as problem:
        raise InputError(f"the annotations' {what} cannot be read: {type(problem).__name__} at {problem}", "Each needs a whole number `id`") from None


def _entry(entry: Mapping[str, Any], name: str, keypoints: int, number: str, boxed: bool) -> dict[str, Any]:
    """A checked copy of what OKS looks at in labels and results. `num_keypoints` is counted where it is missing."""
    try:
        row, box = (np.asarray(values, np.float64) for values in (entry["keypoints"], entry["bbox"] if boxed else ()))
        whole = {"image_id": int(entry["image_id"]), "category_id": int(entry["category_id"]), "iscrowd": int(entry.get("iscrowd", 0))}
        labelled = int(entry["num_keypoints"] if "num_keypoints" in entry else np.count_nonzero(row[2::3] > 0))
        value = float(entry[number])
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise InputError(f"{name} cannot be judged by OKS: {type(problem).__name__} at {problem}", "See the data format of COCO keypoints") from None
    if row.shape != (3 * keypoints,) or box.shape != (4 * boxed,):
        raise InputError(f"{name} has {row.size} numbers for its keypoints", f"The skeleton wants x, y, v of {keypoints} keypoints, and a box has 4")
    with np.errstate(invalid="ignore", over="ignore"):
        total = float(row.sum() + box.sum() + value)
    if not math.isfinite(total):  # one number that is not finite makes the sum so
        raise InputError(f"{name} holds numbers that are not finite", "Write 0, 0, 0 for a keypoint that is not labelled")
    return whole | {"num_keypoints": labelled, "keypoints": row.tolist(), number: value} | ({"bbox": box.tolist()} if boxed else {})


def _silent(*_: Any) -> None:
    """Takes what the evaluator would say about its progress."""
