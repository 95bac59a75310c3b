"""Whom questions ask that only change pictures: weights of this project, files exported from them, or ONNX files of others.

All answer the same call. Only weights have gradients; files of others have no card either.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.attribution.answering import Answering, NetworkAnswering
from glasspose.errors import UsageError
from glasspose.explain.explanation import Provenance
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Subject, Told, subject
from glasspose.network import PoseNetwork
from glasspose.skeletons import SKELETONS, Skeleton


@dataclass(frozen=True, kw_only=True, eq=False)
class Witness:
    """What can be asked, and what it is called."""

    answering: Answering
    skeleton: Skeleton
    size: tuple[int, int]
    name: str
    sha256: str
    seen: Float[np.ndarray, " K"]
    """Below these scores a keypoint counts as not seen."""
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def network(self) -> PoseNetwork | None:
        """The network itself, where it is one of this project; of an exported file the codec around it."""
        return self.answering.network if isinstance(self.answering, NetworkAnswering) else None

    @property
    def has_weights(self) -> bool:
        """Gradients can flow, and weights be shuffled."""
        return isinstance(self.answering, NetworkAnswering) and self.answering.has_weights

    @property
    def thresholds(self) -> Float[np.ndarray, " K"] | None:
        """`seen`, where it was fitted."""
        return self.seen if self.card else None

    def ask(self, images: Float[Tensor, "B 3 H W"]) -> Told:
        """Keypoints, and the highest heat of each as its score."""
        with torch.inference_mode():
            answer = self.answering(images)
        return Told(keypoints=answer.keypoints.double().numpy(), scores=answer.maps.flatten(2).amax(2).double().numpy())

    def provenance(self, sample: Sample, seed: int, **asked: Any) -> Provenance:
        """For the explanation."""
        return Provenance(
            model=self.name, model_sha256=self.sha256, data=sample.name, data_sha256=sample.sha256, n=len(sample), seed=seed, asked=asked
        )


def witness(weights: str | Path | PoseNetwork, skeleton: str | None = None) -> Witness:
    """Whatever `questioned` takes, as what answers with maps."""
    asked = questioned(weights, skeleton)
    if isinstance(asked, Witness):
        return asked
    return Witness(
        answering=NetworkAnswering(network=asked.network),
        skeleton=asked.skeleton,
        size=asked.size,
        name=str(asked.card["name"]),
        sha256=str(asked.card["sha256"]),
        seen=asked.thresholds,
        card=asked.card,
    )


def questioned(weights: str | Path | PoseNetwork, skeleton: str | None = None) -> Subject | Witness:
    """Shipped weights by name, a .safetensors file, a network at hand, a file of `glasspose export`; or an .onnx file of others, with the name
    of its skeleton, as a witness. UsageError, and the errors of opening files.
    """
    if isinstance(weights, str | Path) and Path(weights).suffix.lower() == ".onnx":
        from glasspose.explain.onnx_answering import holds_card

        if not holds_card(Path(weights)):
            return _of_others(Path(weights), skeleton)
    if skeleton is not None:
        raise UsageError("--skeleton is for .onnx files of others", "Weights and files of this project know their own")
    return subject(weights)


def _of_others(path: Path, named: str | None) -> Witness:
    from glasspose.explain.onnx_answering import OnnxAnswering

    known = {key: skeleton for name, skeleton in SKELETONS.items() for key in (name, f"{name}-{len(skeleton)}")}
    if named not in known:
        unknown = f": no skeleton {named!r}" if named else ""
        raise UsageError(f"an .onnx file does not say which keypoints it finds{unknown}", f"Use --skeleton {', '.join(known)}")
    skeleton = known[named]
    answering, nothing = OnnxAnswering(path, len(skeleton)), np.zeros(len(skeleton))
    return Witness(answering=answering, skeleton=skeleton, size=answering.size, name=path.name, sha256=answering.sha256, seen=nothing)
