"""A network over packed people, exactly, on any number of processes: the part of training and evaluation that both share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from glasspose.data.loading import EpochSampler, PackedPeople, loader
from glasspose.network import PoseNetwork


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What a network said of N people, in the order of the dataset. Input pixels."""

    keypoints: Float[np.ndarray, "N S K 2"]
    scores: Float[np.ndarray, "N S K"]
    truth: Float[np.ndarray, "N K 2"]
    labelled: Bool[np.ndarray, "N K"]
    occluded: Bool[np.ndarray, "N K"]
    torso: Float[np.ndarray, " N"]
    """Input pixels; 0 where the labels lack it."""
    image_to_input: Float[np.ndarray, "N 2 3"]
    losses: Float[np.ndarray, " S"]
    """Mean over the supervised keypoints, for each stack."""


@torch.no_grad()
def judge(network: PoseNetwork, people: PackedPeople, fabric: Any, batch: int = 64, *, flip_test: bool = False) -> Judged:
    """Run a network over everybody.

    Every process takes a strided share in batches of one shape, the last of them padded; sums run by sample index in float64. So the
    numbers are the same bits on one process and on many, at the same number of threads.
    """
    _agree(network.model, fabric)
    network.eval()
    sampler = EpochSampler(len(people), batch * fabric.world_size, fabric.global_rank, fabric.world_size, shuffled=False)
    found: list[dict[str, Tensor]] = []
    for cpu_batch in loader(people, sampler):
        b = cpu_batch.to(fabric.device)
        raw = network(b.images)
        answers = network.answers(b.images, raw, flip_test=flip_test)
        stacks = [network.codec.decode(answers[:, s]) for s in range(answers.shape[1])]
        found.append(
            {
                "index": b.index,
                "keypoints": torch.stack([k for k, _ in stacks], 1),
                "scores": torch.stack([s for _, s in stacks], 1),
                "truth": b.keypoints,
                "labelled": b.labelled,
                "occluded": b.occluded,
                "torso": b.torso * b.image_to_input[:, :, :2].det().abs().sqrt(),
                "image_to_input": b.image_to_input,
                "losses": network.codec.losses(raw, b.keypoints, b.labelled, b.occluded),
            }
        )
    return _in_order({key: torch.cat([part[key] for part in found]) for key in found[0]}, network, fabric)


def _in_order(parts: dict[str, Tensor], network: PoseNetwork, fabric: Any) -> Judged:
    """Everybody's share, sorted by sample, without the padding."""
    gathered = {key: fabric.all_gather(value).reshape(-1, *value.shape[1:]) for key, value in parts.items()}
    index = gathered.pop("index")
    order = torch.argsort(index)[int((index < 0).sum()) :]
    arrays = {key: value[order].cpu() for key, value in gathered.items()}
    counted = network.codec.supervised(arrays["labelled"], arrays["occluded"]).sum().item()
    losses = arrays.pop("losses").double().sum(0).numpy() / max(counted, 1)
    return Judged(losses=losses, **{key: value.numpy() for key, value in arrays.items()})


def _agree(model: nn.Module, fabric: Any) -> None:
    """Batch norm's running statistics are each process's own: everybody takes those of the first."""
    if fabric.world_size > 1:
        for buffer in model.buffers():
            buffer.copy_(fabric.broadcast(buffer))


def torso_hits(
    keypoints: Float[Tensor, "B S K 2"], truth: Float[Tensor, "B K 2"], counted: Bool[Tensor, "B K"], torso: Float[Tensor, " B"], threshold: float
) -> tuple[Float[Tensor, " S"], Float[Tensor, ""]]:
    """For each stack, how many keypoints lie within `threshold` torso lengths, and how many were asked; people without a torso are left out."""
    usable = counted & (torso > 0)[:, None]
    near = (keypoints - truth[:, None]).norm(dim=-1) <= threshold * torso[:, None, None]
    return (near & usable[:, None]).sum((0, 2)).float(), usable.sum().float()


def torso_pck(judged: Judged, threshold: float = 0.2) -> Sequence[float]:
    """PCK over all joints (micro average) for each stack."""
    keypoints, truth, labelled, torso = (torch.from_numpy(a) for a in (judged.keypoints, judged.truth, judged.labelled, judged.torso))
    hits, asked = torso_hits(keypoints, truth, labelled, torso, threshold)
    return [float(h / asked.clamp_min(1)) for h in hits]
