"""How good weights are on a dataset: two protocols, every number with its 95 % interval, the same bits on any number of processes."""

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from glasspose.calibration import calibration_from_card
from glasspose.configs.codecs import Decoder
from glasspose.configs.data import Data, described
from glasspose.configs.framing import Framing
from glasspose.data import as_skeleton, read
from glasspose.data.framing import box_to_show
from glasspose.engines import accelerate, is_exported, load_weights
from glasspose.errors import InputError
from glasspose.images import load_image
from glasspose.measuring import match, numbers, truth_of
from glasspose.metrics import coco_results, oks_nms, oks_scores, oks_sigmas
from glasspose.metrics import protocols as known_protocols
from glasspose.people import read_boxes
from glasspose.prediction import Predictor, find_device
from glasspose.processes import launch
from glasspose.structures import Annotation, Dataset

CHUNK = 64
"""Pictures in memory at once."""


def evaluate(
    weights: str | Path,
    data: Data,
    *,
    protocols: Sequence[str] = (),
    keep: bool = False,
    flip_test: bool = True,
    decoder: Decoder | None = None,
    batch: int = 16,
    device: str = "auto",
    engine: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Measure weights on the people of a dataset; fractions from 0 to 1, lengths in image pixels.

    At the top level stand the numbers of the crop from the labels (as in training; where nothing else was said there, a square, 1.25 times
    the longer labelled side), under `two_pass` those of what `predict` does with the whole picture, for pictures of one person. `protocols`
    are further ways to count (metrics/protocols.py). With `keep`, `people` holds what `compare` needs of everybody, by the first protocol.
    `decoder` reads heatmaps off in another way than the weights' own. `engine` is PyTorch where not given, for exported files theirs.
    """
    find_device(device)
    known_protocols(protocols)
    fabric = launch(device=device)
    network, card = load_weights(weights)
    network = accelerate(network, engine or _plain(weights), fabric.device)
    network = network if decoder is None else network.decoded(decoder)
    dataset = as_skeleton(read(data), network.skeleton)
    people = [person for person in dataset.annotations if person.labelled.any() and not person.crowd]
    _refuse_nobody(dataset, people)
    calibration = calibration_from_card(card, len(network.skeleton))
    predictor = Predictor(network, calibration, device=str(fabric.device), flip_test=flip_test, batch=batch, fill=True)
    told = _ask(predictor, people, fabric, progress)
    alone = np.isfinite(told[:, 1, 0, 0])
    size = network.input_size
    matched = match(told[:, 0], people, dataset.skeleton, size, network.framing)
    found = numbers(told[:, 0], people, matched, protocols)
    report = {
        "format": "glasspose.evaluation",
        "version": 1,
        "weights": {"name": card["name"], "sha256": card["sha256"]},
        "data": described(data),
        "flip_test": flip_test,
        **({} if decoder is None else {"decoder": decoder}),
        "protocol": _crops(network.framing),
        **found.report,
    }
    if alone.any():
        protocol = "predict's own two passes over the whole picture; pictures of one person"
        own = [person for person, single in zip(people, alone, strict=True) if single]
        matched = match(told[alone, 1], own, dataset.skeleton, size, network.framing)
        report["two_pass"] = {"protocol": protocol, **numbers(told[alone, 1], own, matched, protocols).report}
    return report | ({"people": found.kept.to_json()} if keep else {})


def evaluate_boxes(
    weights: str | Path,
    data: Data,
    boxes: Path,
    *,
    flip_test: bool = True,
    batch: int = 16,
    device: str = "auto",
    engine: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Many people a picture, from detector boxes: OKS AP and AR, each person scored box score times mean keypoint score, after OKS-NMS.

    UsageError where the skeleton has no OKS constants; InputError where the box file does not fit the pictures.
    """
    network, card = load_weights(weights)
    network = accelerate(network, engine or _plain(weights), find_device(device))
    dataset = as_skeleton(read(data), network.skeleton)
    sigmas = oks_sigmas(dataset.skeleton)
    _refuse_nobody(dataset, dataset.annotations)
    predictor = Predictor(network, calibration_from_card(card, len(network.skeleton)), device=device, flip_test=flip_test, batch=batch, fill=True)
    detected = read_boxes(boxes)
    pictures = sorted({(person.image_id, person.image) for person in dataset.annotations})
    results: list[dict[str, Any]] = []
    for done, (image_id, path) in enumerate(pictures):
        image = load_image(path)
        people = detected.people(path, image_id).within((image.shape[0], image.shape[1]))
        if len(people):
            poses = predictor.predict_batch([image], [people.boxes])[0]
            scores = people.scores * poses.scores.mean(1)
            areas = np.prod(people.boxes[:, 2:] - people.boxes[:, :2], axis=1)
            kept = oks_nms(poses.keypoints, scores, areas, sigmas)
            results += coco_results(poses.keypoints[kept], scores[kept], np.full(len(kept), image_id))
        progress(done + 1, len(pictures))
    return {
        "format": "glasspose.evaluation",
        "version": 1,
        "weights": {"name": card["name"], "sha256": card["sha256"]},
        "data": described(data),
        "flip_test": flip_test,
        "protocol": f"boxes from {boxes.name}; box score times mean keypoint score; OKS-NMS",
        "n": len(dataset),
        "images": len(pictures),
        "detections": len(results),
        "oks": oks_scores(truth_of(dataset.annotations), results, dataset.skeleton),
    }


def _plain(weights: str | Path) -> str:
    """The engine of measurements: PyTorch, except for files that have one of their own."""
    return "auto" if is_exported(weights) else "torch"


def _crops(framing: Framing) -> str:
    """The first protocol in words."""
    if framing.framing == "squash":
        return "the whole picture, squashed into the input"
    if framing.framing == "thesis":
        return "crop from labels: the thesis's square; 1.1 x the box where it does not fit"
    return f"crop from labels: square, {framing.margin:g} x the longer labelled side"


def _refuse_nobody(dataset: Dataset, people: Sequence[Annotation]) -> None:
    if not people:
        raise InputError(f"{dataset.name} has nobody with a labelled keypoint", "Choose another --data.split")


def _ask(predictor: Predictor, people: Sequence[Annotation], fabric: Any, progress: Callable[[int, int], None]) -> Float[np.ndarray, "N 2 K 3"]:
    """What the network says of everybody, by both protocols; NaN where the second does not apply. Processes share the pictures by strides."""
    pictures, framing = [list(group) for _, group in groupby(range(len(people)), key=lambda i: people[i].image)], predictor.network.framing
    own = pictures[fabric.global_rank :: fabric.world_size]
    told = np.full((len(people), 2, len(predictor.skeleton), 3), np.nan)
    for start in range(0, len(own), CHUNK):
        part = own[start : start + CHUNK]
        images = [load_image(people[group[0]].image) for group in part]
        poses = predictor.predict_batch(images, [np.stack([box_to_show(people[i], framing) for i in group]) for group in part])
        for group, found in zip(part, poses, strict=True):
            told[group, 0] = np.concatenate([found.keypoints, found.scores[..., None]], -1)
        single = [n for n, group in enumerate(part) if len(group) == 1]
        for n, answer in zip(single, predictor.two_passes([images[n] for n in single]), strict=True):
            told[part[n][0], 1] = answer
        progress(min(start + CHUNK, len(own)), len(own))
    if fabric.world_size == 1:
        return told
    everyone = fabric.all_gather(torch.from_numpy(told)).cpu().numpy()
    merged: np.ndarray = np.nanmax(np.where(np.isnan(everyone), -np.inf, everyone), axis=0)
    return np.where(np.isneginf(merged), np.nan, merged)
