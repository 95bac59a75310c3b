"""What a network says of people as they are and mirrored: where it points, how sure it is, and how far the two answers lie apart.

Letters: N people, K keypoints, h w map. Input pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float16
from torch import Tensor

from glasspose.attribution.taps import recorded
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Progress, Subject, Told, silent
from glasspose.explain.tolerance import areas


@dataclass(frozen=True, kw_only=True, eq=False)
class Opinions:
    """Answers of the last stack."""

    plain: Told
    mirrored: Told
    """Of the mirror image, mirrored back, left and right swapped."""
    both: Told
    """The flip test: of the mean of the two maps. This is what `predict` says."""
    entropy: Float[np.ndarray, "N K"]
    """Of the averaged map, taken as a distribution, from 0 (one pixel) to 1 (flat)."""
    maps: Float16[np.ndarray, "N K h w"]
    """The averaged maps."""
    features: Float[np.ndarray, "N D"] | None
    """The last bottleneck, averaged over its places; None for a network without one."""

    @property
    def apart(self) -> Float[np.ndarray, "N K"]:
        """Distance between the plain and the mirrored answer, in units of the answered pose's size (square root of its area)."""
        size = np.sqrt(areas(self.both.keypoints))
        found: np.ndarray = np.linalg.norm(self.plain.keypoints - self.mirrored.keypoints, axis=-1) / size[:, None]
        return found


@torch.inference_mode()
def opinions(asked: Subject, sample: Sample, progress: Progress = silent, batch: int = 32) -> Opinions:
    """Two forward passes a person."""
    network, parts, features = asked.network, [], []
    places = _bottleneck(asked)
    for part, images in sample.batches(batch):
        with recorded(places) as found:
            plain = network.answers(images)[:, -1:]
        features += [value.flatten(2).mean(2) for value in found.values() if value.ndim == 4]
        mirrored = network.codec.mirrored(network.answers(images.flip(-1))[:, -1:], network.skeleton.flip)
        both = (plain + mirrored) / 2
        told = [value.double() for answer in (plain, mirrored, both) for value in network.codec.decode(answer[:, 0])]
        maps = network.codec.maps(both)[:, 0]
        parts.append([*told, _entropy(maps), maps.half()])
        progress(part.stop, len(sample))
    arrays = [torch.cat(pieces).numpy() for pieces in zip(*parts, strict=True)]
    plain_told, mirrored_told, both_told = (Told(keypoints=arrays[i], scores=arrays[i + 1]) for i in (0, 2, 4))
    pooled = torch.cat(features).double().numpy() if features else None
    return Opinions(plain=plain_told, mirrored=mirrored_told, both=both_told, entropy=arrays[6], maps=arrays[7], features=pooled)


def _bottleneck(asked: Subject) -> dict[str, torch.nn.Module]:
    """The last one, under its name; nothing for a network without."""
    try:
        return dict(list(asked.taps("bottleneck").items())[-1:])
    except (NotApplicableError, AttributeError):
        return {}


def _entropy(maps: Float[Tensor, "B K h w"]) -> Float[Tensor, "B K"]:
    mass = maps.clamp_min(0).flatten(2).double()
    share = mass / mass.sum(-1, keepdim=True).clamp_min(1e-12)
    return -(share * share.clamp_min(1e-12).log()).sum(-1) / float(np.log(mass.shape[-1]))
