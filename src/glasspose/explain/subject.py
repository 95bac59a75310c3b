"""The network that is being explained, and what it says of a sample."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glasspose.calibration import Calibration, calibration_from_card
from glasspose.engines import load_weights
from glasspose.engines.modules import RawModel
from glasspose.explain.explanation import NotApplicableError, Provenance
from glasspose.explain.sample import Sample
from glasspose.network import PoseNetwork
from glasspose.skeletons import Skeleton

Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """No progress shown."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """What a network says of N people, by its last stack and without the flip test. Input pixels."""

    keypoints: Float[np.ndarray, "N K 2"]
    scores: Float[np.ndarray, "N K"]

    def hits(self, sample: Sample, threshold: float = 0.2) -> Bool[np.ndarray, "N K"]:
        """Keypoints within `threshold` torso lengths of their labels; meaningful where `judged` holds."""
        near: np.ndarray = np.linalg.norm(self.keypoints - sample.keypoints, axis=-1) <= threshold * sample.torso[:, None]
        return near


def judged(sample: Sample) -> Bool[np.ndarray, "N K"]:
    """Which keypoints PCK counts: labelled, of people with a torso length."""
    counted: np.ndarray = sample.labelled & (sample.torso > 0)[:, None]
    return counted


class Askable(Protocol):
    """Anything that says where keypoints are: all that a question needs which only changes pictures."""

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints that it finds."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its input."""

    @property
    def thresholds(self) -> Float[np.ndarray, " K"] | None:
        """Scores from which keypoints count as seen, where somebody has fitted them."""

    def ask(self, images: Float[Tensor, "B 3 H W"]) -> Told:
        """Keypoints and scores of some inputs."""

    def provenance(self, sample: Sample, seed: int, **asked: Any) -> Provenance:
        """For the explanation."""


def ask_all(asked: Askable, sample: Sample, progress: Progress = silent, batch: int = 32) -> Told:
    """What is said of everybody in a sample, always in batches of the same sizes."""
    parts = []
    for part, images in sample.batches(batch):
        parts.append(asked.ask(images))
        progress(part.stop, len(sample))
    return Told(keypoints=np.concatenate([p.keypoints for p in parts]), scores=np.concatenate([p.scores for p in parts]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """Weights that are being explained, or a file that was exported from some, which can be asked and not looked into."""

    network: PoseNetwork
    card: dict[str, Any]

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints that it finds."""
        return self.network.skeleton

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its input."""
        return self.network.input_size

    @property
    def calibration(self) -> Calibration:
        """The thresholds in its card."""
        return calibration_from_card(self.card, len(self.skeleton))

    @property
    def thresholds(self) -> Float[np.ndarray, " K"]:
        """Of its calibration."""
        return np.array(self.calibration.seen)

    @property
    def exported(self) -> bool:
        """It has no weights here, and no places to look into."""
        return isinstance(self.network.model, RawModel)

    @property
    def trained_on(self) -> tuple[str, ...]:
        """Names of the datasets that its card says it learnt from."""
        return tuple(str(name) for name in (self.card.get("training") or {}).get("data", ()))

    def ask(self, images: Float[Tensor, "B 3 H W"]) -> Told:
        """Keypoints and scores of some inputs."""
        with torch.inference_mode():
            keypoints, scores = self.network.keypoints(images)
        return Told(keypoints=keypoints.double().numpy(), scores=scores.double().numpy())

    def ask_all(self, sample: Sample, progress: Progress = silent, batch: int = 32) -> Told:
        """The same of everybody in a sample, always in batches of the same sizes."""
        return ask_all(self, sample, progress, batch)

    def taps(self, part: str = "") -> dict[str, torch.nn.Module]:
        """The places of the network that carry a name, such as `stack0.bottleneck`; those whose name holds `part`.

        NotApplicableError where there is none.
        """
        if self.exported:
            raise NotApplicableError(f"{self.card['name']} is an exported file, which has no places to look into", "Ask about its .safetensors file")
        named: dict[str, torch.nn.Module] = dict(self.network.model.taps())  # type: ignore[operator]
        found = {name: module for name, module in named.items() if part in name}
        if not found:
            raise NotApplicableError(f"{self.card['name']} has no {part or 'named place'}", f"It has {', '.join(named) or 'nothing to look into'}")
        return found

    def provenance(self, sample: Sample, seed: int, **asked: Any) -> Provenance:
        """For the explanation."""
        return Provenance(
            model=str(self.card["name"]),
            model_sha256=str(self.card["sha256"]),
            data=sample.name,
            data_sha256=sample.sha256,
            n=len(sample),
            seed=seed,
            asked=asked,
        )


def subject(weights: str | Path | PoseNetwork, name: str = "network") -> Subject:
    """What `explain` works on: shipped weights by name, a .safetensors file beside its card, a file of `glasspose export`, or a network at hand."""
    if isinstance(weights, PoseNetwork):
        return Subject(network=weights.eval(), card={"name": name, "sha256": weights_sha256(weights)})
    network, card = load_weights(weights)
    return Subject(network=network, card=card)


def weights_sha256(network: PoseNetwork) -> str:
    """A hash of the weights of a network that is in no file."""
    import hashlib

    digest = hashlib.sha256()
    for key, value in sorted(network.model.state_dict().items()):
        digest.update(key.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
