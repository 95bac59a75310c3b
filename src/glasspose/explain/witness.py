"""Whom `explain why` asks: weights of this project, or an ONNX file. Both answer the same call; only the former have gradients and a card."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.attribution.answering import Answering, NetworkAnswering
from glasspose.errors import UsageError
from glasspose.explain.explanation import Provenance
from glasspose.explain.sample import Sample
from glasspose.explain.subject import subject
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
        """The network itself, where it is one of this project."""
        return self.answering.network if isinstance(self.answering, NetworkAnswering) else None

    def provenance(self, sample: Sample, seed: int, **asked: Any) -> Provenance:
        """For the explanation."""
        return Provenance(
            model=self.name, model_sha256=self.sha256, data=sample.name, data_sha256=sample.sha256, n=len(sample), seed=seed, asked=asked
        )


def witness(weights: str | Path | PoseNetwork, skeleton: str | None = None) -> Witness:
    """Shipped weights by name, a .safetensors file, a network at hand, or an .onnx file with the name of its skeleton. UsageError."""
    if isinstance(weights, str | Path) and str(weights).endswith(".onnx"):
        return _of_onnx(Path(weights), skeleton)
    if skeleton is not None:
        raise UsageError("--skeleton is for .onnx files", "Weights of this project know their own")
    asked = subject(weights)
    return Witness(
        answering=NetworkAnswering(network=asked.network),
        skeleton=asked.skeleton,
        size=asked.size,
        name=str(asked.card["name"]),
        sha256=str(asked.card["sha256"]),
        seen=np.array(asked.calibration.seen),
        card=asked.card,
    )


def _of_onnx(path: Path, named: str | None) -> Witness:
    from glasspose.explain.onnx_answering import OnnxAnswering

    known = {key: skeleton for name, skeleton in SKELETONS.items() for key in (name, f"{name}-{len(skeleton)}")}
    if named not in known:
        unknown = f": no skeleton {named!r}" if named else ""
        raise UsageError(f"an .onnx file does not say which keypoints it finds{unknown}", f"Use --skeleton {', '.join(known)}")
    skeleton = known[named]
    answering, nothing = OnnxAnswering(path, len(skeleton)), np.zeros(len(skeleton))
    return Witness(answering=answering, skeleton=skeleton, size=answering.size, name=path.name, sha256=answering.sha256, seen=nothing)
