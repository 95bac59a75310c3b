"""Moving what a bottleneck says, and decoding what the rest of the network makes of it.

A moved bottleneck meets skips that still tell of the old pose. So every move is made under three regimes: `frozen` skips say what they said
of the source picture; `moved` skips go along, as far as they go along with that direction over the sample (linear regression of every
number they say on the bottleneck's score along the direction); `mean` skips say what they say on average, of nobody in particular.
Letters: N people, M sources, B batch, D numbers of the bottleneck, C channels, h w positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasspose.attribution.taps import recorded, replaced
from glasspose.explain.activations import latent_place, refuse_silent
from glasspose.explain.principal import Principal, principal
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Progress, Subject, Told

REGIMES = ("frozen", "moved", "mean")
MEMORY = 256 * 2**20
"""Bytes that the skips of the sample may take: of larger networks fewer people tell how skips go along."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoder:
    """A stack's bottleneck and its skips, as they speak of a sample."""

    asked: Subject
    place: str
    shape: tuple[int, ...]
    """Of what the bottleneck says of one person."""
    skips: Mapping[str, nn.Module]
    rows: Float[np.ndarray, "N D"]
    found: Principal
    skip_rows: Mapping[str, Float[np.ndarray, "L ..."]]
    """Of the first L people."""
    skip_means: Mapping[str, Float[np.ndarray, "..."]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """What was decoded: for each source and step, maps and keypoints."""

    maps: Float[np.ndarray, "M T K h w"]
    told: Float[np.ndarray, "M T K 2"]


def decoder(asked: Subject, sample: Sample, progress: Progress) -> Decoder:
    """Run the network once over the sample, and keep what the last stack's bottleneck and skips say: nothing else reaches its answer.

    NotApplicableError where there is no bottleneck.
    """
    place = latent_place(asked)
    stack = place.split(".")[0]
    places = asked.taps()
    skips = {name: module for name, module in places.items() if name.startswith(f"{stack}.skip")}
    said, shape, skip_rows, sums = _recorded(asked, sample, places[place], skips, progress)
    return Decoder(
        asked=asked,
        place=place,
        shape=shape,
        skips=skips,
        rows=said,
        found=principal(said),
        skip_rows=skip_rows,
        skip_means={name: (total / len(sample)).astype(np.float32) for name, total in sums.items()},
    )


def _recorded(asked: Subject, sample: Sample, bottleneck: nn.Module, skips: Mapping[str, nn.Module], progress: Progress) -> tuple[Any, ...]:
    """The bottleneck of everybody; of the skips as many people as fit, and everybody's sum."""
    said: list[np.ndarray] = []
    kept: dict[str, list[np.ndarray]] = {name: [] for name in skips}
    sums: dict[str, np.ndarray] = {}
    held = 0
    shape: tuple[int, ...] = ()
    for part, images in sample.batches():
        with torch.inference_mode(), recorded({"bottleneck": bottleneck, **skips}) as found:
            asked.network(images)
        refuse_silent({"bottleneck": bottleneck, **skips}, found)
        shape = tuple(found["bottleneck"].shape[1:])
        said.append(found["bottleneck"].flatten(1).numpy().copy())
        for name in skips:
            values = found[name].numpy().copy()
            sums[name] = sums.get(name, 0) + values.astype(np.float64).sum(0)
            if held < MEMORY:
                kept[name].append(values)
        held += sum(found[name].numel() * 4 for name in skips)
        progress(part.stop, len(sample))
    return np.concatenate(said), shape, {name: np.concatenate(values) for name, values in kept.items()}, sums


def moves_of_skips(known: Decoder, direction: Float[np.ndarray, " D"]) -> dict[str, Float[np.ndarray, "C h w"]]:
    """By how much every number of the skips changes on average for one unit along the direction."""
    score = (known.rows - known.found.mean) @ (direction / max(float(direction @ direction), 1e-30))
    found = {}
    for name, rows in known.skip_rows.items():
        along = score[: len(rows)] - score[: len(rows)].mean()
        flat = along.astype(np.float32) @ rows.reshape(len(rows), -1) / max(float((along**2).sum()), 1e-30)
        found[name] = flat.reshape(rows.shape[1:])
    return found


def frames(
    known: Decoder,
    images: Float[Tensor, "M 3 H W"],
    moves: Float[np.ndarray, "T D"],
    regime: str,
    skip_moves: Sequence[Mapping[str, np.ndarray]] = (),
) -> Frames:
    """Every source with every move. Under `moved`, `skip_moves` say for each move what is added to the skips. Under `mean` there is one
    source, the mean person, and `images` only drive the network up to the stack (what comes earlier does not reach its answer).
    """
    maps, told = [], []
    for t, move in enumerate(moves):
        changes = _changes(known, move, regime, skip_moves[t] if regime == "moved" else {})
        with torch.inference_mode(), replaced({known.place: known.asked.taps()[known.place], **known.skips}, changes):
            answers = torch.cat([known.asked.network.answers(part)[:, -1] for part in torch.split(images, 32)])
        with torch.inference_mode():
            maps.append(known.asked.network.codec.maps(answers[:, None])[:, 0].numpy())
            told.append(known.asked.network.codec.decode(answers)[0].double().numpy())
    return Frames(maps=np.stack(maps, 1), told=np.stack(told, 1))


def _changes(known: Decoder, move: np.ndarray, regime: str, skip_move: Mapping[str, np.ndarray]) -> dict[str, Any]:
    step = torch.from_numpy(move.astype(np.float32)).reshape(1, *known.shape)
    if regime == "mean":
        middle = torch.from_numpy(known.found.mean.astype(np.float32)).reshape(1, *known.shape) + step
        means = {name: torch.from_numpy(mean)[None] for name, mean in known.skip_means.items()}
        return {known.place: lambda output: middle.expand_as(output)} | {name: _instead(mean) for name, mean in means.items()}
    added = {name: torch.from_numpy(np.ascontiguousarray(value, np.float32))[None] for name, value in skip_move.items()}
    return {known.place: _plus(step)} | {name: _plus(value) for name, value in added.items()}


def _plus(step: Tensor) -> Any:
    return lambda output: output + step


def _instead(value: Tensor) -> Any:
    return lambda output: value.expand_as(output)


def answer_of(known: Decoder, images: Float[Tensor, "M 3 H W"]) -> Frames:
    """What the network says of the sources when nothing is touched."""
    with torch.inference_mode():
        answers = known.asked.network.answers(images)[:, -1]
        maps, told = known.asked.network.codec.maps(answers[:, None])[:, 0], known.asked.network.codec.decode(answers)[0]
    return Frames(maps=maps.numpy()[:, None], told=told.double().numpy()[:, None])


def told_of(known: Decoder, sample: Sample) -> Told:
    """The network's own keypoints of the sample."""
    return known.asked.ask_all(sample)


def spread_directions(known: Decoder, count: int, seed: int) -> Float[np.ndarray, "R D"]:
    """Random unit directions as the data spread: components weighted by their standard deviations, so that none is strange to the network."""
    rng = np.random.default_rng(seed)
    drawn = (rng.normal(size=(count, len(known.found.variances))) * np.sqrt(known.found.variances)) @ known.found.axes
    found: np.ndarray = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return found
