"""How many numbers of the narrowest place the answer needs: it is squeezed onto its first components, and what that costs is measured.

Components come from one half of the pictures, the cost from the other. Widths are tried from wide to narrow, and the first that costs
something ends it: tests in a fixed order need no correction for their number. Letters: N people, C channels (or numbers of a code), R rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from glasspose.attribution.taps import Change, recorded, replaced
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.principal import Principal, principal
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Subject, judged
from glasspose.metrics.scores import Interval
from glasspose.metrics.significance import mean_interval

MOST_ROWS = 20_000
"""So many positions tell the components."""
NO_WORSE = 0.01
"""PCK may fall by less than this."""
DEAD = 1e-6
"""A channel that varies less than this share of the liveliest one says nothing."""


@dataclass(frozen=True, kw_only=True)
class Width:
    """What is left of the answer when only so many components pass."""

    kept: int
    lost: float
    """PCK@0.2."""
    interval: Interval | None

    @property
    def enough(self) -> bool:
        """Whether it costs less than `NO_WORSE`."""
        return self.interval is not None and self.interval[1] < NO_WORSE


@dataclass(frozen=True, kw_only=True)
class Narrow:
    """The narrowest places of all stacks together."""

    places: tuple[str, ...]
    code: bool
    """An autoencoder's code, else the bottleneck."""
    width: int
    """C."""
    dead: int
    """The fewest channels of any stack that say nothing."""
    tried: tuple[Width, ...]

    @property
    def needed(self) -> Width | None:
        """The narrowest of those that cost nothing, one after the other from the widest."""
        enough = [one for i, one in enumerate(self.tried) if all(before.enough for before in self.tried[: i + 1])]
        return enough[-1] if enough else None


def narrowed(asked: Subject, sample: Sample, seed: int = 0) -> Narrow:
    """Try C / 2, C / 4, … in all stacks at once. NotApplicableError for networks without a bottleneck, or people without a torso length."""
    code = bool([name for name in _taps(asked) if name.endswith(".code")])
    places = {name: module for name, module in _taps(asked).items() if name.endswith(".code" if code else ".bottleneck")}
    counted = judged(sample)
    half = _half(sample, seed)
    if not places or not counted[half].any() or not counted[~half].any():
        raise NotApplicableError("no place can be narrowed", "It needs a bottleneck, and people with a torso length")
    rows = _rows(asked, sample, np.flatnonzero(half), places, seed)
    found = {name: principal(values) for name, values in rows.items()}
    width = min(values.shape[1] for values in rows.values())
    dead = min(int((values.var(0) <= DEAD * max(values.var(0).max(), 1e-30)).sum()) for values in rows.values())
    test = np.flatnonzero(~half)
    whole = _hits(asked, sample, test, places, {})
    tried: list[Width] = []
    for kept in _widths(width, min(len(values) for values in rows.values())):
        hits = _hits(asked, sample, test, places, {name: _squeezed(one, kept) for name, one in found.items()})
        tried.append(_cost(kept, whole, hits, counted[test], sample.image_ids[test]))
        if not tried[-1].enough:
            break
    return Narrow(places=tuple(places), code=code, width=width, dead=dead, tried=tuple(tried))


def _taps(asked: Subject) -> dict[str, nn.Module]:
    try:
        return asked.taps()
    except (NotApplicableError, AttributeError):
        return {}


def _half(sample: Sample, seed: int) -> Bool[np.ndarray, " N"]:
    keys = np.unique(sample.image_ids, return_inverse=True)[1]
    return np.asarray(np.random.default_rng([seed, 6]).permutation(int(keys.max()) + 1) % 2 == 0)[keys]


def _widths(width: int, rows: int) -> list[int]:
    """No more than half as many as there are rows to find them from."""
    halves = [width // 2**i for i in range(1, 12) if width // 2**i >= 1]
    return [kept for kept in halves if 2 * kept <= rows]


def _rows(asked: Subject, sample: Sample, chosen: np.ndarray, places: Mapping[str, nn.Module], seed: int) -> dict[str, Float[np.ndarray, "R C"]]:
    """What each place says: one row a person of a code, one a position of a map."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in places}
    for start in range(0, len(chosen), 32):
        with torch.inference_mode(), recorded(places) as found:
            asked.network(sample.inputs(chosen[start : start + 32].tolist()))
        for name in places:
            parts[name].append(_by_channel(found[name]).double().numpy())
    rows = {name: np.concatenate(values) for name, values in parts.items()}
    picked = {name: np.sort(np.random.default_rng(seed).permutation(len(values))[:MOST_ROWS]) for name, values in rows.items()}
    return {name: values[picked[name]] for name, values in rows.items()}


def _by_channel(output: Tensor) -> Float[Tensor, "R C"]:
    return output.movedim(1, -1).reshape(-1, output.shape[1])


def _squeezed(found: Principal, kept: int) -> Change:
    """The output with everything beyond the first components at its mean."""
    mean, axes = torch.from_numpy(found.mean).float(), torch.from_numpy(found.axes[:kept]).float()

    def change(output: Tensor) -> Tensor:
        rows = _by_channel(output)
        left = mean + (rows - mean) @ axes.T @ axes
        return left.reshape(output.movedim(1, -1).shape).movedim(-1, 1)

    return change


def _hits(
    asked: Subject, sample: Sample, chosen: np.ndarray, places: Mapping[str, nn.Module], changes: Mapping[str, Change]
) -> Bool[np.ndarray, "n K"]:
    found = []
    with replaced(places, changes):
        for start in range(0, len(chosen), 32):
            part = chosen[start : start + 32]
            told = asked.ask(sample.inputs(part.tolist()))
            apart = np.linalg.norm(told.keypoints - sample.keypoints[part], axis=-1)
            found.append(apart <= 0.2 * sample.torso[part, None])
    return np.concatenate(found)


def _cost(kept: int, whole: np.ndarray, hits: np.ndarray, counted: np.ndarray, images: Sequence[int] | np.ndarray) -> Width:
    groups = np.broadcast_to(np.asarray(images)[:, None], counted.shape)[counted]
    lost = (whole.astype(float) - hits)[counted]
    return Width(kept=kept, lost=float(lost.mean()), interval=mean_interval(lost, groups=groups))
