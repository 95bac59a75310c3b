"""Optimisers, learning-rate schedules and the moving average of weights, each from its configuration."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from glasspose.configs.training import Cosine, Optimiser, Plateau, RmsProp, Schedule, Sgd, Step


def build_optimiser(config: Optimiser, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser over the parameters that are to be trained. Biases and normalisation (one dimension) never decay."""
    trained = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if isinstance(config, RmsProp):
        return torch.optim.RMSprop(groups, lr=config.learning_rate, alpha=config.alpha, eps=config.epsilon, momentum=config.momentum)
    if isinstance(config, Sgd):
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.nesterov)
    kind = torch.optim.Adam if config.kind == "adam" else torch.optim.AdamW
    return kind(groups, lr=config.learning_rate, betas=config.betas, fused=True)


def learning_rate_factor(schedule: Schedule, epoch: float, epochs: int, history: Sequence[float]) -> float:
    """What the learning rate is multiplied with, as a function of the time (in epochs from 0) and the validation PCK of every epoch so far.

    Nothing else is remembered, so a resumed run cannot differ.
    """
    if isinstance(schedule, Step):
        return schedule.factor ** sum(epoch >= start - 1 for start in schedule.epochs)
    if isinstance(schedule, Cosine):
        if epoch < schedule.warmup_epochs:
            return max(epoch / schedule.warmup_epochs, 1e-3)
        done = (epoch - schedule.warmup_epochs) / max(epochs - schedule.warmup_epochs, 1e-9)
        return schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    if isinstance(schedule, Plateau):
        return schedule.factor ** _plateaus(history, schedule.patience)
    return 1.0


def _plateaus(history: Sequence[float], patience: int) -> int:
    """How often the score failed to grow for more than `patience` epochs in a row."""
    best, stale, drops = -math.inf, 0, 0
    for score in history:
        best, stale = (score, 0) if score > best else (best, stale + 1)
        if stale > patience:
            drops, stale = drops + 1, 0
    return drops


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards the model's; in the first steps faster, so that the average forgets its start. Counters are copied."""
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
