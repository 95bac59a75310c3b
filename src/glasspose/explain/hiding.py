"""What a network says of people when parts of them are hidden. Letters: N people, F fills, R regions, K keypoints, C coalitions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glasspose.attribution.fills import FILLS, fills, hidden, partners
from glasspose.explain.covering import Regions, background_patches, part_of_pixels, regions, told_of
from glasspose.explain.sample import Sample
from glasspose.explain.shapley import body_parts, coalitions, players
from glasspose.explain.subject import Askable, Progress, Told, ask_all
from glasspose.explain.tolerance import agreement, areas

Answers = Float[np.ndarray, "N 2 F R K"]
"""Second place: 0 for the covered region, 1 for as much background."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hidden:
    """All answers that `explain context` asks for."""

    whole: Told
    similar: Answers
    """Agreement of each keypoint with the network's own answer for the picture as it is."""
    scores: Answers
    places: Float[np.ndarray, "N 2 F R K 2"]
    """Where each keypoint has gone, in input pixels."""
    covers: Bool[np.ndarray, "N R K"]
    """Which keypoints lie under which cover."""
    room: Bool[np.ndarray, "N R"]
    """Whether the picture has as much background to hide."""
    coalitions: Float[np.ndarray, "N C K"]
    """Agreement where only some parts are to be seen."""

    @property
    def apart(self) -> Answers:
        """How far each keypoint has moved, in input pixels."""
        found: np.ndarray = np.linalg.norm(self.places - self.whole.keypoints[:, None, None, None], axis=-1)
        return found


def hide(asked: Askable, sample: Sample, seed: int, progress: Progress) -> Hidden:
    """Everything, person by person; one fill in turn for the coalitions, all of them for the regions."""
    whole = ask_all(asked, sample)
    others = partners(len(sample), seed)
    covered, parts = [], []
    for i in range(len(sample)):
        images = fills(sample.inputs([i]), sample.inputs([int(others[i])]), seed + i)
        known = regions(whole.keypoints[i], asked.skeleton, sample.size)
        covered.append(_regions_hidden(asked, sample, whole, i, known, images, np.random.default_rng((seed, i))))
        parts.append(_parts_hidden(asked, sample, whole, i, known, images[FILLS[i % len(FILLS)]]))
        progress(i + 1, len(sample))
    similar, scores, places, covers, room = (np.stack([person[j] for person in covered]) for j in range(5))
    return Hidden(whole=whole, similar=similar, scores=scores, places=places, covers=covers, room=room, coalitions=np.stack(parts))


def _regions_hidden(
    asked: Askable, sample: Sample, whole: Told, i: int, known: Regions, images: Mapping[str, Tensor], rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    patches, room = background_patches(sample.pixels[i], whole.keypoints[i], known, asked.skeleton, rng)
    masks = torch.from_numpy(np.concatenate([known.masks, patches]))[:, None]
    picture = sample.inputs([i])
    told = told_of(asked, torch.cat([hidden(picture, masks, images[name]) for name in FILLS]))
    shape = (len(FILLS), 2, len(room), len(asked.skeleton))
    similar = agreement(told.keypoints, whole.keypoints[i], areas(whole.keypoints[i][None]), asked.skeleton)
    places = told.keypoints.reshape(*shape, 2).swapaxes(0, 1)
    return similar.reshape(shape).swapaxes(0, 1), told.scores.reshape(shape).swapaxes(0, 1), places, known.covers, room


def _parts_hidden(asked: Askable, sample: Sample, whole: Told, i: int, known: Regions, fill: Tensor) -> Float[np.ndarray, "C K"]:
    owner = part_of_pixels(whole.keypoints[i], list(body_parts(asked.skeleton).values()), known, asked.skeleton)
    shown = coalitions(len(players(asked.skeleton)))
    masks = torch.from_numpy((~shown[:, owner]).astype(np.float32))[:, None]
    told = told_of(asked, hidden(sample.inputs([i]), masks, fill))
    return agreement(told.keypoints, whole.keypoints[i], areas(whole.keypoints[i][None]), asked.skeleton)


def nothing_hidden(asked: Askable, sample: Sample, whole: Told) -> float:
    """How far keypoints move when the cover is empty: in the very batch that gave the answer for the whole picture."""
    part, images = next(sample.batches())
    told = asked.ask(hidden(images, torch.zeros_like(images[:, :1]), images.flip(0)))
    return float(np.abs(told.keypoints - whole.keypoints[part]).max())
