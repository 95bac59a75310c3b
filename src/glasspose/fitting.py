"""Thresholds from validation people: which score means "in the picture", and which means "somebody is there"."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float

from glasspose.calibration import Calibration, best_threshold, person_scores
from glasspose.configs.augmentation import Augmentation
from glasspose.data.loading import PackedPeople, collate, normalise, person_of
from glasspose.data.packing import Pack
from glasspose.geometry import Box, crop_matrix, extent, inside, warp
from glasspose.network import PoseNetwork

VIEWS = Augmentation(wide=0.3, close=0.4, cut=0.3, occlusion=0.0, colour=0.0, grey=0.0, blur=0.0, rotation=10.0)
"""Many keypoints out of the picture, as in people's own photographs."""
ROUNDS = 2
BATCH = 32


@torch.inference_mode()
def fit_calibration(network: PoseNetwork, pack: Pack) -> Calibration:
    """Fit on augmented views of validation people and on parts of their pictures that show nobody.

    The threshold of a keypoint separates labelled places in the view from those that the view cuts off; that of a person separates views
    of people from empty parts. Each has the highest balanced accuracy. `note` says what that was, and on how many.
    """
    network.eval()
    scores, there, labelled = _views(network, pack)
    fitted = [best_threshold(scores[labelled[:, k], k], there[labelled[:, k], k]) for k in range(len(network.skeleton))]
    people = person_scores(scores[there.sum(1) >= 4])
    empty = person_scores(_asked(network, list(_empty_parts(pack, network.input_size))))
    person, rate = best_threshold(np.concatenate([people, empty]), np.arange(len(people) + len(empty)) < len(people))
    accuracy = float(np.mean([balanced for _, balanced in fitted]))
    note = (
        f"balanced accuracy on {len(pack)} people of {pack.name}: keypoint in the picture or not {100 * accuracy:.1f} % "
        f"({int((labelled & there).sum())} in, {int((labelled & ~there).sum())} out), "
        f"somebody or nobody {100 * rate:.1f} % ({len(people)} views of people, {len(empty)} without)"
    )
    return Calibration(seen=tuple(round(threshold, 4) for threshold, _ in fitted), person=round(person, 4), note=note)


def _views(network: PoseNetwork, pack: Pack) -> tuple[Float[np.ndarray, "n K"], Bool[np.ndarray, "n K"], Bool[np.ndarray, "n K"]]:
    """Scores, whether each keypoint is in the view, and whether that is known, over some rounds of augmented views."""
    people = PackedPeople([pack], network.input_size, VIEWS, seed=1)
    scores, there, labelled = [], [], []
    for round_ in range(ROUNDS):
        for start in range(0, len(people), BATCH):
            batch = collate([people[(round_, i)] for i in range(start, min(start + BATCH, len(people)))])
            scores.append(network.keypoints(batch.images, flip_test=True)[1].numpy())
            there.append(inside(batch.keypoints.numpy(), network.input_size))
            labelled.append(batch.labelled.numpy())
    return np.concatenate(scores), np.concatenate(there), np.concatenate(labelled)


def _empty_parts(pack: Pack, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Squares of the kept crops that lie in the picture and away from the labelled person."""
    rng = np.random.default_rng(0)
    for place in range(len(pack)):
        person = person_of(pack, place)
        side = person.crop.shape[0]
        picture = np.concatenate([np.maximum(person.picture[:2], 0), np.minimum(person.picture[2:], side)])
        around = extent(person.keypoints, person.labelled)
        for _ in range(30):
            width = rng.uniform(0.35, 0.8) * pack.size
            if (picture[2:] - picture[:2] <= width).any():
                continue
            corner = rng.uniform(picture[:2], picture[2:] - width)
            box = np.concatenate([corner, corner + width])
            if not _overlap(box, around, 0.1 * pack.size):
                yield warp(person.crop, crop_matrix(box, size), size)
                break


def _overlap(one: Box, other: Box, margin: float) -> bool:
    return bool((one[:2] < other[2:] + margin).all() and (other[:2] < one[2:] + margin).all())


def _asked(network: PoseNetwork, images: list[np.ndarray]) -> Float[np.ndarray, "n K"]:
    parts = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
    found = [network.keypoints(normalise(torch.from_numpy(np.stack(part))), flip_test=True)[1].numpy() for part in parts]
    return np.concatenate(found) if found else np.zeros((0, len(network.skeleton)))
