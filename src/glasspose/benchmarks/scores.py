"""Metrics at the size of MPII's and COCO's validation sets."""

import contextlib
import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from glasspose.benchmarks import peers
from glasspose.benchmarks.inputs import data_root
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Row, in_turns, ratio
from glasspose.configs.data import CocoLabels
from glasspose.data import read
from glasspose.errors import MissingError
from glasspose.metrics import coco_results, coco_truth, distances, oks_scores, oks_sigmas, pckh_table
from glasspose.skeletons import COCO

MPII_PEOPLE = 2958
"""Of the validation split."""


def pckh(options: Options) -> list[Row]:
    """PCKh@0.5 of 2,958 people."""
    rng = np.random.default_rng(0)
    count = options.some(MPII_PEOPLE, 100)
    truth = rng.uniform(0, 1000, (count, 16, 2))
    predicted, counted, heads = truth + rng.normal(0, 20, truth.shape), rng.random((count, 16)) < 0.9, rng.uniform(20, 120, count)
    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: peers.pckh(predicted, truth, counted, heads),
        "ours": lambda: pckh_table(distances(predicted, truth), counted, heads),
    }
    seconds = in_turns(ways, options.turns(15), options.clock)
    ours = pckh_table(distances(predicted, truth), counted, heads).all_joints.per_keypoint
    same = "equal" if np.array_equal(np.array(ours), peers.pckh(predicted, truth, counted, heads)) else "DIFFERENT"
    described = f"{count:,} people, one keypoint after the other"
    return [Row(name="pckh", baseline=described, ratio=ratio(seconds, "plain", "ours"), goal=100.0, same=same)]


def oks(options: Options) -> list[Row]:
    """COCO's ten numbers over its labelled people of val2017, for made-up predictions."""
    truth, results = labelled_and_found(options.some(1 << 30, 50))
    ways: dict[str, Callable[[], object]] = {"pycocotools": lambda: by_pycocotools(truth, results), "ours": lambda: oks_scores(truth, results, COCO)}
    seconds = in_turns(ways, options.turns(7), options.clock)
    ours = [np.nan if value is None else value for value in oks_scores(truth, results, COCO).values()]
    off = np.abs(np.array(ours) - by_pycocotools(truth, results)).max()
    more = {"people": len(truth["annotations"]), "predictions": len(results), "images": len(truth["images"]), "numbers": ours}
    same = f"ten numbers, largest difference {off:.1e}"
    described = f"pycocotools; {more['people']:,} people and {more['predictions']:,} predictions"
    return [Row(name="oks", baseline=described, ratio=ratio(seconds, "pycocotools", "ours"), goal=2.0, same=same, more=more)]


def labelled_and_found(most: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The labels of COCO val2017 (made-up ones without GLASSPOSE_DATA), and predictions: moved, some of them missing, some of nobody."""
    rng = np.random.default_rng(0)
    root = data_root()
    if root is None:
        corner, side = rng.uniform(0, 300, (200, 1, 2)), rng.uniform(30, 200, (200, 1, 1))
        keypoints = corner + side * rng.random((200, 17, 2))
        boxes = np.concatenate([corner[:, 0], corner[:, 0] + side[:, 0]], 1)
        truth = coco_truth(keypoints, rng.random((200, 17)) < 0.7, boxes, 0.5 * side[:, 0, 0] ** 2, np.arange(200) // 2, np.zeros(200, bool))
    else:
        people = [person for person in read(CocoLabels(root=root / "coco", split="val")).annotations if person.labelled.any()][:most]
        stacked = [np.stack([getattr(person, name) for person in people]) for name in ("keypoints", "labelled", "box", "area", "image_id", "crowd")]
        truth = coco_truth(*stacked)
    keypoints = np.array([person["keypoints"] for person in truth["annotations"]]).reshape(-1, 17, 3)[..., :2]
    scale = np.sqrt([person["area"] for person in truth["annotations"]])[:, None, None]
    images = np.array([person["image_id"] for person in truth["annotations"]])
    kept, false = rng.random(len(images)) < 0.9, rng.random(len(images)) < 0.1
    close = keypoints + rng.normal(0, 1, keypoints.shape) * scale * rng.uniform(0.01, 0.12, (len(images), 1, 1))
    found = np.concatenate([close[kept], rng.permutation(keypoints)[false]])
    scores = np.concatenate([rng.uniform(0.3, 1, kept.sum()), rng.uniform(0, 0.7, false.sum())])
    return truth, coco_results(found, scores, np.concatenate([images[kept], images[false]]))


def by_pycocotools(truth: dict[str, Any], results: list[dict[str, Any]]) -> np.ndarray:
    """The reference. MissingError where it is not installed."""
    try:
        from pycocotools.coco import COCO as Labels  # noqa: N811
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        raise MissingError("pycocotools is not installed", "pip install pycocotools") from None
    with contextlib.redirect_stdout(io.StringIO()):
        labels = Labels()
        entries = [copy.copy(person) | {"id": i} for i, person in enumerate(truth["annotations"], 1)]
        labels.dataset = {**truth, "annotations": [entry | {"num_keypoints": sum(v > 0 for v in entry["keypoints"][2::3])} for entry in entries]}
        labels.createIndex()
        judge = COCOeval(labels, labels.loadRes(copy.deepcopy(results)), "keypoints")
        judge.params.kpt_oks_sigmas = np.array(oks_sigmas(COCO))
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return np.asarray(judge.stats)
