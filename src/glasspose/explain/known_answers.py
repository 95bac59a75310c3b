"""Networks of which it is known why they say what they say: wired by hand, without anything learned. `selftest` asks every method about them.

A keypoint is a dot of one colour; it is caused by a dot far away from it; a patch that is read twice and cancels out is never used; a lamp
in the corner switches a keypoint on. Letters: B batch, N pictures, H W input.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.data.loading import normalise
from glasspose.geometry import PADDING
from glasspose.network import PoseNetwork
from glasspose.skeletons import Skeleton
from glasspose.structures import DEVIATION, MEAN

SIZE = (64, 64)
DOTS = Skeleton(name="known-answers", keypoints=("red", "green", "blue"), sigmas=(0.05,) * 3)
COLOURS: Mapping[str, tuple[int, int, int]] = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
RADIUS = 4
SHIFT = (20, 8)
"""From cause to keypoint, right and down, in input pixels; multiples of the maps' stride."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownAnswer:
    """A network, pictures, and which pixels one keypoint of each picture depends on."""

    name: str
    claim: str
    network: PoseNetwork
    pixels: UInt8[np.ndarray, "N H W 3"]
    keypoints: Sequence[int]
    """Which keypoint is asked about, for each picture."""
    cause: Bool[np.ndarray, "N H W"]
    decoy: Bool[np.ndarray, "N H W"]
    """Pixels that catch the eye and are not used."""

    def inputs(self) -> Float[Tensor, "N 3 H W"]:
        """The pictures as the network takes them."""
        return normalise(torch.from_numpy(self.pixels))


class Wired(nn.Module):
    """Heat of the three colours on a quarter of the input, by a 1x1 convolution and a ReLU: r - g - b, g - r - b, b - r - g, each over 0.2."""

    def __init__(self) -> None:
        super().__init__()
        self.colours, self.relu, self.other_relu = nn.Conv2d(3, 3, 1), nn.ReLU(), nn.ReLU()
        deviation, mean = torch.tensor(DEVIATION), torch.tensor(MEAN)
        wanted = 2 * torch.eye(3) - 1
        with torch.no_grad():
            self.colours.weight.copy_((wanted * deviation)[..., None, None])
            assert self.colours.bias is not None
            self.colours.bias.copy_(wanted @ mean - 0.2)

    def heat(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 h w"]:
        """How much of each colour there is."""
        found: Tensor = functional.avg_pool2d(self.relu(self.colours(images)), 4)
        return found

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 3 h w"]:
        """One stack."""
        return self.wired(images)[:, None]

    def wired(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 h w"]:
        """Every keypoint is where its own dot is."""
        return self.heat(images)

    def taps(self) -> dict[str, nn.Module]:
        """Nothing to look into."""
        return {}


class FarCause(Wired):
    """Every keypoint is said to be `SHIFT` away from the dot that causes it."""

    def wired(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 h w"]:
        """The heat, moved."""
        return moved(self.heat(images), SHIFT)


class CancelledDecoy(Wired):
    """White `SHIFT` away is read through two ReLUs and taken off itself again: a large gradient each way, and no use at all."""

    def wired(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 h w"]:
        """Own dots, plus nothing."""
        white = images.mean(1, keepdim=True) - 1.5
        both = functional.avg_pool2d(self.relu(white), 4) - functional.avg_pool2d(self.other_relu(white), 4)
        return self.heat(images) + 2 * moved(both, SHIFT)


class Lamp(Wired):
    """The red keypoint is where the red dot is, but only while a blue lamp is lit somewhere."""

    def wired(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 h w"]:
        """Half of each is not enough."""
        heat = self.heat(images)
        lit = functional.avg_pool2d(heat[:, 2:], 3, 1).amax((-2, -1), keepdim=True)
        found: Tensor = self.other_relu(heat + 2 * lit - 0.5)
        return found


def moved(maps: Float[Tensor, "B C h w"], shift: tuple[int, int]) -> Float[Tensor, "B C h w"]:
    """Right and down by input pixels, empty where nothing comes from."""
    right, down = shift[0] // 4, shift[1] // 4
    return functional.pad(maps, (right, 0, down, 0))[..., : maps.shape[-2], : maps.shape[-1]]


def network_of(model: nn.Module, skeleton: Skeleton = DOTS) -> PoseNetwork:
    """Any model of heatmaps as a network of this project."""
    network = PoseNetwork(Hourglass(input_size=SIZE, channels=8, depth=1, stacks=1), Heatmap(), skeleton)
    network.model = model
    return network.eval()


def picture(spots: Mapping[str, tuple[int, int]], decoy: tuple[int, int] | None, seed: int) -> UInt8[np.ndarray, "H W 3"]:
    """Dots on slightly noisy grey; the decoy is a chequered patch, the loudest thing in the picture."""
    rng = np.random.default_rng(seed)
    made = np.clip(np.array(PADDING) + rng.integers(-6, 7, (*SIZE, 3)), 0, 255).astype(np.uint8)
    if decoy is not None:
        x, y = decoy
        made[y - 6 : y + 6, x - 6 : x + 6] = np.kron(np.indices((6, 6)).sum(0) % 2, np.ones((2, 2)))[..., None] * 255
    for name, place in spots.items():
        cv2.circle(made, place, RADIUS, COLOURS[name], -1)
    return made


def spot(place: tuple[int, int], reach: int) -> Bool[np.ndarray, "H W"]:
    """A square of pixels."""
    mask = np.zeros(SIZE, bool)
    x, y = place
    mask[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1] = True
    return mask


def hand_wired(n: int = 6) -> list[KnownAnswer]:
    """All of them, n pictures each."""
    dots = "each of three independent keypoints is where the dot of its own colour is"
    far = "each keypoint is caused by a dot 21 pixels away from it; a chequered patch lies where it is said to be"
    cancelled = "a white patch is read twice and cancels out"
    lamp = "the red keypoint needs its dot and a lamp far away"
    return [
        _known("own dots", dots, Wired(), n, lambda spots, k: [spots[k]], at_keypoint=False),
        _known("far cause", far, FarCause(), n, lambda spots, k: [spots[k]], at_keypoint=True),
        _known("cancelled decoy", cancelled, CancelledDecoy(), n, lambda spots, k: [spots[k]], before_keypoint=True),
        _known("lamp", lamp, Lamp(), n, lambda spots, k: [spots["red"], spots["blue"]], at_keypoint=False, only="red"),
    ]


def _known(
    name: str,
    claim: str,
    model: nn.Module,
    n: int,
    causes: Callable[[Mapping[str, tuple[int, int]], str], list[tuple[int, int]]],
    *,
    at_keypoint: bool = False,
    before_keypoint: bool = False,
    only: str | None = None,
) -> KnownAnswer:
    pixels, keypoints, cause, decoys = [], [], [], []
    for i in range(n):
        colour = only or tuple(COLOURS)[i % 3]
        spots, decoy = _places(np.random.default_rng([i, 7]), colour, at_keypoint, before_keypoint)
        pixels.append(picture(spots, decoy, i))
        keypoints.append(tuple(COLOURS).index(colour))
        cause.append(np.any([spot(place, RADIUS) for place in causes(spots, colour)], 0))
        unused = [spot(spots[other], RADIUS) for other in spots if spots[other] not in causes(spots, colour)]
        decoys.append(np.any([spot(decoy, 6), *unused], 0))
    network = network_of(model)
    stacked = (np.stack(pixels), np.stack(cause), np.stack(decoys))
    return KnownAnswer(name=name, claim=claim, network=network, pixels=stacked[0], keypoints=keypoints, cause=stacked[1], decoy=stacked[2])


def _places(rng: np.random.Generator, colour: str, at_keypoint: bool, before_keypoint: bool) -> tuple[dict[str, tuple[int, int]], tuple[int, int]]:
    """Three dots and a decoy that stand well apart; the decoy where the keypoint is said to be, or where it would be read from."""
    while True:
        spots = {name: (int(x), int(y)) for name, (x, y) in zip(COLOURS, rng.integers(7, 57, (3, 2)), strict=True)}
        sign = 1 if at_keypoint else -1 if before_keypoint else 0
        own = spots[colour]
        decoy = (own[0] + sign * SHIFT[0], own[1] + sign * SHIFT[1]) if sign else tuple(int(v) for v in rng.integers(8, 56, 2))
        places = np.array([*spots.values(), decoy])
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)[np.triu_indices(4, 1)]
        if apart.min() > 20 and min(decoy) >= 7 and max(decoy) <= 56:
            return spots, (decoy[0], decoy[1])
