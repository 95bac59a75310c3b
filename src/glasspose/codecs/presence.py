"""How the codecs without maps of chance are taught whether a keypoint is in the picture: one logit each, with the cross-entropy."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def presence_losses(logits: Float[Tensor, "B S K"], there: Bool[Tensor, "B K"]) -> Float[Tensor, "B S K"]:
    """Cross-entropy of "in the picture" against what the labels say."""
    return functional.binary_cross_entropy_with_logits(logits, there[:, None].expand_as(logits).float(), reduction="none")


def commonest(there: Bool[Tensor, "B K"], supervised: Bool[Tensor, "B K"]) -> Float[Tensor, ""]:
    """The logit of the best answer that never looks at the picture: how often a keypoint of this batch is in it."""
    share = (there & supervised).sum() / supervised.sum().clamp_min(1)
    return torch.logit(share.float(), eps=0.01)
