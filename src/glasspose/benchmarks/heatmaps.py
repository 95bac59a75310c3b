"""Targets, decoding and the flip test on 16 maps of 64 x 64, against loops over keypoints."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from glasspose.benchmarks import peers
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Row, in_turns, ratio
from glasspose.codecs.heatmap import HeatmapCodec
from glasspose.configs.codecs import Heatmap
from glasspose.skeletons import MPII

SIDE, STRIDE = 256, 4
Decoder = Literal["quarter", "dark"]
SIGMA = 2.0
"""That of the toolboxes."""
BATCH = 32
"""People at once, as in training."""


def people(count: int) -> tuple[Tensor, Tensor]:
    """(count, 16, 2) keypoints in input pixels, some of them at the border and beyond, and which are labelled."""
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(-8, SIDE + 8, (count, 16, 2)).astype(np.float32)
    return torch.from_numpy(keypoints), torch.from_numpy(rng.random((count, 16)) < 0.9)


def heat(count: int) -> Tensor:
    """(count, 16, 64, 64): peaks with noise around them, as networks answer. A map of noise alone has no peak whose place is well defined."""
    keypoints = people(count)[0].clamp(0, SIDE - 1)
    labelled = torch.ones(count, 16, dtype=torch.bool)
    noise = torch.rand(count, 16, SIDE // STRIDE, SIDE // STRIDE, generator=torch.Generator().manual_seed(1))
    return _codec("dark").encode(keypoints, labelled) + 0.05 * noise


def targets(options: Options) -> list[Row]:
    """Keypoints to target maps."""
    keypoints, labelled = people(options.some(BATCH, 4))
    codec = HeatmapCodec(Heatmap(sigma=SIGMA), 16, (SIDE, SIDE))
    shown, places = (labelled & codec.inside(keypoints)).numpy(), codec.to_map(keypoints).numpy()
    size = (SIDE // STRIDE, SIDE // STRIDE)
    plain: dict[str, Callable[[], object]] = {
        "within three sigma": lambda: np.stack([peers.gaussians(*one, size, SIGMA) for one in zip(places, shown, strict=True)]),
        "over the whole map": lambda: np.stack([peers.whole_gaussians(*one, size, SIGMA) for one in zip(places, shown, strict=True)]),
    }
    seconds = in_turns(plain | {"ours": lambda: codec.encode(keypoints, labelled)}, options.turns(25), options.clock)
    ours = codec.encode(keypoints, labelled).numpy()
    near = np.asarray(plain["within three sigma"]())
    off = {
        "within three sigma": np.abs(ours - near)[near > 0].max(),
        "over the whole map": np.abs(ours - np.asarray(plain["over the whole map"]())).max(),
    }
    goals = {"within three sigma": 14.0, "over the whole map": None}
    return [
        Row(
            name="targets",
            baseline=f"a Gaussian {how}, keypoint by keypoint",
            ratio=ratio(seconds, how, "ours"),
            goal=goals[how],
            same=_off(off[how]),
        )
        for how in plain
    ]


def decode(options: Options) -> list[Row]:
    """Maps to keypoints, by the quarter offset and by DARK."""
    maps = heat(options.some(BATCH, 4))
    arrays = maps.numpy()
    rows = []
    ways_of: dict[Decoder, Callable[[np.ndarray], np.ndarray]] = {"quarter": peers.quarter, "dark": peers.dark}
    for decoder, plain in ways_of.items():
        codec = _codec(decoder)
        ways: dict[str, Callable[[], object]] = {"plain": partial(_one_by_one, plain, arrays), "ours": partial(codec.decode, maps)}
        seconds = in_turns(ways, options.turns(25), options.clock)
        off = np.abs(codec.to_map(codec.decode(maps)[0]).numpy() - _one_by_one(plain, arrays)).max()
        described = f"{'quarter offset' if decoder == 'quarter' else 'DARK'}, map by map"
        rows.append(Row(name="decode", baseline=described, ratio=ratio(seconds, "plain", "ours"), goal=2.0, same=_off(off, " pixels of the map")))
    return rows


def _one_by_one(plain: Callable[[np.ndarray], np.ndarray], people_maps: np.ndarray) -> np.ndarray:
    return np.stack([plain(maps) for maps in people_maps])


def flip(options: Options) -> list[Row]:
    """The maps of the mirrored picture, mirrored back, left and right exchanged, averaged with those of the picture."""
    maps = heat(options.some(BATCH, 4))
    mirrored = maps.flip(0)
    codec, pairs = _codec("dark"), [(left, right) for left, right in MPII.pairs]
    arrays = maps.numpy(), mirrored.numpy()
    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: np.stack([(one + peers.flip_back(other, pairs)) / 2 for one, other in zip(*arrays, strict=True)]),
        "ours": lambda: (maps[:, None] + codec.mirrored(mirrored[:, None], MPII.flip)) / 2,
    }
    seconds = in_turns(ways, options.turns(25), options.clock)
    off = np.abs(np.asarray(ways["ours"]())[:, 0] - np.asarray(ways["plain"]())).max()
    return [Row(name="flip", baseline="mirrored map by map, exchanged pair by pair", ratio=ratio(seconds, "plain", "ours"), goal=2.0, same=_off(off))]


def _codec(decoder: Decoder) -> HeatmapCodec:
    return HeatmapCodec(Heatmap(decoder=decoder), 16, (SIDE, SIDE))


def _off(difference: float, unit: str = "") -> str:
    return f"largest difference {difference:.1e}{unit}" if difference else "equal"
