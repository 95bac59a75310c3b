"""One keypoint of one person after the other: its evidence by every method, beside maps that know nothing of the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.attribution.answering import Answer, NetworkAnswering
from glasspose.attribution.faithfulness import Curves, curves, efficient_mprt, rank_correlation
from glasspose.attribution.fills import fills
from glasspose.attribution.rivals import centre_blob, chance, edges, evenly_blurred
from glasspose.attribution.targets import Kind, Target, freeze
from glasspose.explain.evidence import METHODS, Case, Evidence
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.sample import Sample
from glasspose.explain.tolerance import areas, tolerances
from glasspose.explain.witness import Witness
from glasspose.network import PoseNetwork

RIVALS = ("centre blob", "random", "edge map")
STARTS = 2
"""Other pictures from which integrated gradients start."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Studied:
    """What was found of keypoint k of person i."""

    i: int
    k: int
    keypoints: Float[np.ndarray, "K 2"]
    """Where the network puts all keypoints of this person, in input pixels."""
    evidence: Mapping[str, Evidence]
    curves: Curves
    """Of the methods in their order, then of `RIVALS`."""
    shuffled: Float[Tensor, "H W"] | None = None
    """The first method's map of the network with shuffled weights."""

    @property
    def names(self) -> list[str]:
        """Of the maps whose curves were taken."""
        return [*self.evidence, *RIVALS]

    @property
    def main(self) -> Float[np.ndarray, "H W"]:
        """The first method's map."""
        found: np.ndarray = next(iter(self.evidence.values())).map.numpy()
        return found

    def against_shuffled(self) -> tuple[float, float]:
        """Rank correlation with the shuffled network's map, and how much more complex that is (Efficient MPRT)."""
        assert self.shuffled is not None
        own = next(iter(self.evidence.values())).map
        return rank_correlation(own, self.shuffled), efficient_mprt(own, self.shuffled)


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Everything that cases are made from."""

    witness: Witness
    sample: Sample
    answer: Answer
    """To the untouched pictures."""
    backgrounds: Float[Tensor, "O 3 H W"]
    """Pictures to hide with and to start from: the sample itself, or made-up ones where it is a single photograph."""
    kind: Kind
    direction: tuple[float, float]
    seed: int

    def target(self, i: int) -> Target:
        """Frozen on person i's untouched picture."""
        keypoints, size = self.answer.keypoints[i].double().numpy(), self.sample.size
        widths = 8 * tolerances(self.witness.skeleton) ** 2 * areas(keypoints[None])[0]
        return freeze(
            self.answer.maps[i],
            size,
            self.kind,
            directions=torch.tensor(self.direction, dtype=torch.float32).expand(len(keypoints), 2),
            widths=torch.from_numpy(widths).float(),
            labels=torch.from_numpy(self.sample.keypoints[i]).float() if self.sample.labelled[i].any() else None,
        )

    def case(self, i: int, k: int, network: PoseNetwork | None = None) -> Case:
        """One keypoint; of another network with the same frozen target, if given."""
        image, others = self.sample.inputs([i]), self._others(i)
        filled = fills(image, others[:1], self.seed + i)
        answering = self.witness.answering if network is None else NetworkAnswering(network=network)
        own = {name: values[0] for name, values in filled.items()}
        return Case(answering=answering, image=image[0], target=self.target(i), k=k, fills=own, others=others, seed=self.seed + i)

    def _others(self, i: int) -> Float[Tensor, "O 3 H W"]:
        """Pictures of other people, drawn by the seed; all of those that are made up for a single photograph."""
        if len(self.sample) == 1:
            return self.backgrounds
        rest = [j for j in np.random.default_rng([self.seed, i]).permutation(len(self.backgrounds)).tolist() if j != i]
        return self.backgrounds[rest[:STARTS]]


def ask(witness: Witness, sample: Sample, kind: Kind, direction: tuple[float, float], seed: int) -> Asked:
    """The untouched answers first."""
    parts = [witness.answering(images) for _, images in sample.batches()]
    answer = Answer(maps=torch.cat([part.maps for part in parts]), keypoints=torch.cat([part.keypoints for part in parts]))
    backgrounds = sample.inputs() if len(sample) > 1 else made_up(sample, seed)
    return Asked(witness=witness, sample=sample, answer=answer, backgrounds=backgrounds, kind=kind, direction=direction, seed=seed)


def made_up(sample: Sample, seed: int) -> Float[Tensor, "O 3 H W"]:
    """Where there is no other photograph: the same one with its pieces in another order, mirrored, and upside down."""
    image = sample.inputs()[0]
    half, side = image.shape[-2] // 2, image.shape[-1] // 2
    swapped = image.roll((half, side), (-2, -1))
    return torch.stack([swapped, image.flip(-2), swapped.flip(-1)])


def chosen(asked: Asked, keypoints: Sequence[str]) -> list[tuple[int, int]]:
    """(person, keypoint) for each person: the seen ones of the asked-for keypoints in turn, so that all come up; of one photograph, several.

    NotApplicableError where nothing that is asked for is seen.
    """
    skeleton = asked.witness.skeleton
    wanted = [skeleton.index(name) for name in keypoints] or list(range(len(skeleton)))
    peaks = asked.answer.maps.flatten(2).amax(2).double().numpy()
    seen = peaks >= np.maximum(asked.witness.seen, 1e-6)
    if asked.kind == "error":
        seen &= asked.sample.labelled
    if len(asked.sample) == 1:
        found = [k for k in wanted if seen[0, k]]
        found = found if keypoints else sorted(found, key=lambda k: -peaks[0, k])[:3]
        pairs = [(0, k) for k in found]
    else:
        turns = [[k for k in np.roll(wanted, -i).tolist() if seen[i, k]] for i in range(len(asked.sample))]
        pairs = [(i, own[0]) for i, own in enumerate(turns) if own]
    if not pairs:
        raise NotApplicableError(f"the network sees none of {', '.join(keypoints) or 'its keypoints'}", "Choose other --keypoints or another picture")
    return pairs


def study(asked: Asked, i: int, k: int, methods: Sequence[str], other: PoseNetwork | None = None) -> Studied:
    """All of one keypoint; with the map of `other`, the shuffled network, where given."""
    case = asked.case(i, k)
    evidence = {name: METHODS[name](case) for name in methods}
    size = asked.sample.size
    keypoints = asked.answer.keypoints[i].double().numpy()
    rivals = torch.stack([centre_blob(size, keypoints[k]), chance(size, asked.seed + i), edges(case.image)])
    maps = torch.cat([torch.stack([found.map for found in evidence.values()]).double(), evenly_blurred(rivals)])
    measured = asked.case(i, k) if asked.kind == "confidence" else _by_agreement(asked, i, k)
    shuffled = None if other is None else METHODS[methods[0]](asked.case(i, k, other)).map
    curved = curves(measured.number, case.image, case.fills, maps)
    return Studied(i=i, k=k, keypoints=keypoints, evidence=evidence, curves=curved, shuffled=shuffled)


def _by_agreement(asked: Asked, i: int, k: int) -> Case:
    """Curves of other targets are measured by agreement with the untouched prediction, which is 1 where nothing is hidden."""
    other = Asked(**{**vars(asked), "kind": "agreement"})
    return other.case(i, k)
