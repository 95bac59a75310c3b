"""PCK of PyTorch and of an exported file on the same people, crop by crop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.data.framing import shown
from glasspose.errors import ExportError, InputError
from glasspose.exporting.parity import BATCH, Runner, reference
from glasspose.exporting.pictures import people_crops
from glasspose.geometry import crop_matrix, invert, transform
from glasspose.measuring import STANDARD, match, numbers
from glasspose.network import PoseNetwork
from glasspose.structures import Annotation

MOST_LOST = 0.005
"""Of PCK, as a fraction: more than this an 8-bit file may not lose."""


@dataclass(frozen=True, kw_only=True)
class Validation:
    """PCK of both, as fractions, by the protocol of `evaluate`'s first table."""

    data: str
    people: int
    measure: str
    pytorch: float
    exported: float

    def to_json(self) -> dict[str, Any]:
        """Plain data for the sidecar."""
        values = {"pytorch": round(self.pytorch, 5), "exported": round(self.exported, 5), "lost": round(self.lost, 5)}
        return {"data": self.data, "people": self.people, "measure": self.measure, **values}

    @property
    def lost(self) -> float:
        """How much lower the exported file's is."""
        return self.pytorch - self.exported

    def check(self) -> None:
        """ExportError where too much is lost."""
        if self.lost > MOST_LOST:
            raise ExportError(
                f"the exported file loses {100 * self.lost:.2f} points of {self.measure} on {self.data} "
                f"({100 * self.pytorch:.2f} to {100 * self.exported:.2f} %), more than {100 * MOST_LOST}",
                "Nothing was written; calibrate on other pictures, or leave --int8 out",
            )


def validate(
    network: PoseNetwork, runner: Runner, people: Sequence[Annotation], data: str, *, flip_test: bool, progress: Callable[[int, int], None]
) -> Validation:
    """Both on everybody. InputError where the labels have no lengths for PCK."""
    ours, theirs = [], []
    for start in range(0, len(people), BATCH):
        part = people[start : start + BATCH]
        crops = people_crops(part, network.input_size, network.framing)
        ours.append(_told(reference(network, crops, flip_test=flip_test)[0], part, network))
        theirs.append(_told(runner(crops), part, network))
        progress(start + len(part), len(people))
    pytorch, exported = (_pck(np.concatenate(told), people, network) for told in (ours, theirs))
    name = next((name for name in STANDARD if name in pytorch), None)
    if name is None:
        raise InputError(f"the labels of {data} have no torso and no head: there is no PCK", "Choose another --data.kind")
    return Validation(data=data, people=len(people), measure=name, pytorch=pytorch[name]["mean"], exported=exported[name]["mean"])


def _told(told: Any, people: Sequence[Annotation], network: PoseNetwork) -> Float[np.ndarray, "n K 3"]:
    """In image pixels."""
    size = network.input_size
    back = [invert(crop_matrix(shown(person, network.framing, size), size)) for person in people]
    places = np.stack([transform(points, matrix) for points, matrix in zip(told.keypoints, back, strict=True)])
    return np.concatenate([places, told.scores[..., None]], -1)


def _pck(told: Float[np.ndarray, "N K 3"], people: Sequence[Annotation], network: PoseNetwork) -> dict[str, Any]:
    matched = match(told, people, network.skeleton, network.input_size, network.framing)
    return numbers(told, people, matched).report
