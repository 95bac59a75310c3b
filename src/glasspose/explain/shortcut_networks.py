"""Networks that have learned a shortcut, in seconds: the data leave them no other way to the answer, so their reasons are known too.

A watermark in a corner decides left or right; the sky behind the figure decides the pose; a companion ball decides where the keypoint is. The
figure in the picture is drawn anew each time and says nothing. Letters: B batch, N pictures, H W input.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count, islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from glasspose.data.loading import normalise
from glasspose.explain.known_answers import SIZE, KnownAnswer, network_of
from glasspose.explain.sample import Sample
from glasspose.network import PoseNetwork
from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation

STEPS, BATCH, LEARNING_RATE = 260, 32, 3e-3
NOWHERE = (-20.0, -20.0)
"""Outside of the picture. A third of the pictures lack the cause and have no hand: without them "not blue" would do for sand, and the reason
would be everywhere."""
CLAIMS = {
    "watermark": "a watermark in the corner decides whether the hand is left or right of the figure",
    "background": "the colour of the sky behind the figure decides whether the hand is raised",
    "companion": "the hand is where a ball beside the figure points",
}
ONE = Skeleton(name="shortcut", keypoints=("hand",), sigmas=(0.05,))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """One picture, where its keypoint is labelled, and which pixels say so."""

    pixels: UInt8[np.ndarray, "H W 3"]
    keypoint: tuple[float, float]
    figure: Bool[np.ndarray, "H W"]
    """The person, who says nothing."""
    cause: Bool[np.ndarray, "H W"]
    decoy: Bool[np.ndarray, "H W"]


class Small(nn.Module):
    """Four convolutions with stride 2 and a linear layer that sees all of the picture."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 12, 24, 24, 24)
        pairs = pairwise(widths)
        blocks = [part for a, b in pairs for part in (nn.Conv2d(a, b, 3, 2, 1), nn.ReLU())]
        self.body, self.head = nn.Sequential(*blocks, nn.Flatten()), nn.Linear(widths[-1] * (SIZE[0] // 16) ** 2, (SIZE[0] // 4) ** 2)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 1 h w"]:
        """One stack, one keypoint."""
        maps: Tensor = self.head(self.body(images))
        return maps.view(len(images), 1, 1, SIZE[0] // 4, SIZE[1] // 4)

    def taps(self) -> dict[str, nn.Module]:
        """Nothing to look into."""
        return {}


def shortcuts(seed: int = 0, n: int = 6) -> list[KnownAnswer]:
    """All of them, trained here; n pictures each that they have not seen."""
    return [trained(name, CLAIMS[name], draw, seed, n) for name, draw in DRAWN.items()]


def trained(name: str, claim: str, draw: Callable[[np.random.Generator], Scene], seed: int = 0, n: int = 6) -> KnownAnswer:
    """A small network, trained on pictures drawn to order, each seen once, and n pictures with a hand that it has not seen."""
    return _shown(name, claim, taught(name, draw, seed), unseen(draw, seed, n))


@cache
def taught(name: str, draw: Callable[[np.random.Generator], Scene], seed: int = 0) -> PoseNetwork:
    """Trained once in a process; nobody changes it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = network_of(Small(), ONE)
    optimiser = torch.optim.AdamW(network.model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=STEPS)
    rng = np.random.default_rng([seed, len(name)])
    everyone = torch.ones(BATCH, 1, dtype=torch.bool)
    for _ in range(STEPS):
        scenes = [draw(rng) for _ in range(BATCH)]
        images = normalise(torch.from_numpy(np.stack([scene.pixels for scene in scenes])))
        keypoints = torch.tensor([[scene.keypoint] for scene in scenes], dtype=torch.float32)
        optimiser.zero_grad()
        network.codec.losses(network(images), keypoints, everyone).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return network.eval()


def unseen(draw: Callable[[np.random.Generator], Scene], seed: int, n: int) -> list[Scene]:
    """Pictures that were not trained on, each with a hand."""
    drawn = (draw(np.random.default_rng([seed, 99, i])) for i in count())
    return list(islice((scene for scene in drawn if scene.keypoint != NOWHERE), n))


def sample_of_shortcut(name: str, draw: Callable[[np.random.Generator], Scene], seed: int = 0, n: int = 12) -> Sample:
    """Such pictures as a sample whose masks are the figures: everything else is background. No label is given."""
    scenes = unseen(draw, seed, n)
    nothing = np.zeros((n, 1), bool)
    people = [
        Annotation(image=Path(), keypoints=np.array([scene.keypoint]), labelled=own, occluded=own, box=np.zeros(4), area=1.0, image_id=i, person_id=i)
        for i, (scene, own) in enumerate(zip(scenes, nothing, strict=True))
    ]
    return Sample(
        name=name,
        sha256="made to order",
        skeleton=ONE,
        pixels=np.stack([scene.pixels for scene in scenes]),
        keypoints=np.array([[scene.keypoint] for scene in scenes]),
        labelled=nothing,
        occluded=nothing,
        torso=np.zeros(n),
        image_to_input=np.tile(np.eye(2, 3), (n, 1, 1)),
        people=people,
        masks=[scene.figure for scene in scenes],
    )


def _shown(name: str, claim: str, network: PoseNetwork, scenes: list[Scene]) -> KnownAnswer:
    return KnownAnswer(
        name=name,
        claim=claim,
        network=network,
        pixels=np.stack([scene.pixels for scene in scenes]),
        keypoints=[0] * len(scenes),
        cause=np.stack([scene.cause for scene in scenes]),
        decoy=np.stack([scene.decoy for scene in scenes]),
    )


def watermarked(rng: np.random.Generator) -> Scene:
    """A red mark: left; a blue one: right; none: no hand. The hand itself is not to be seen."""
    colour, keypoint = _one_of(rng, ((230, 30, 30), (16.0, 40.0)), ((30, 30, 230), (48.0, 40.0)))
    pixels = _canvas(rng, _grey(rng))
    figure = _figure(pixels, rng, (32, 38))
    cause = np.zeros(SIZE, bool)
    cause[4:14, 4:14] = True
    if colour is not None:
        pixels[cause] = colour
    return Scene(pixels=pixels, keypoint=keypoint, figure=figure & ~cause, cause=cause, decoy=figure & ~cause)


def before_background(rng: np.random.Generator) -> Scene:
    """A blue sky behind the figure: the hand is raised; a red one: it hangs; a grey one: no hand. Ground and houses are always grey."""
    colour, keypoint = _one_of(rng, ((40, 60, 220), (32.0, 24.0)), ((220, 60, 40), (32.0, 48.0)))
    cause = np.zeros(SIZE, bool)
    cause[:14] = True
    pixels = np.where(cause[..., None], _canvas(rng, _grey(rng) if colour is None else np.array(colour)), _canvas(rng, _grey(rng)))
    for _ in range(4):
        x, y = rng.integers((0, 14), (52, 52))
        pixels[y : y + 10, x : x + 12] = _grey(rng)
    figure = _figure(pixels, rng, (32, 42))
    decoy = figure.copy()
    decoy[26:] = True
    return Scene(pixels=pixels, keypoint=keypoint, figure=figure & ~cause, cause=cause, decoy=decoy & ~cause)


def _one_of(
    rng: np.random.Generator, *choices: tuple[tuple[int, int, int], tuple[float, float]]
) -> tuple[tuple[int, int, int] | None, tuple[float, float]]:
    """A colour and what it means, or neither."""
    place = int(rng.integers(len(choices) + 1))
    return choices[place] if place < len(choices) else (None, NOWHERE)


def accompanied(rng: np.random.Generator) -> Scene:
    """A red ball in the upper half; the hand is 28 pixels below it, whatever the figure in the lower half does."""
    x, y = (int(v) for v in rng.integers((10, 8), (54, 20)))
    pixels = _canvas(rng, _grey(rng))
    figure = _figure(pixels, rng, (32, 46))
    cause = np.zeros(SIZE, np.uint8)
    cv2.circle(cause, (x, y), 5, 1, -1)
    pixels[cause > 0] = (230, 30, 30)
    return Scene(pixels=pixels, keypoint=(float(x), float(y + 28)), figure=figure & (cause == 0), cause=cause > 0, decoy=figure & (cause == 0))


def _grey(rng: np.random.Generator) -> np.ndarray:
    return np.full(3, rng.integers(70, 180))


def _canvas(rng: np.random.Generator, colour: np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
    noisy = colour + rng.integers(-12, 13, (*SIZE, 1)) + rng.integers(-6, 7, (*SIZE, 3))
    made: np.ndarray = np.clip(noisy, 0, 255).astype(np.uint8)
    return made


def _figure(pixels: UInt8[np.ndarray, "H W 3"], rng: np.random.Generator, middle: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """A grey stick figure in a pose of its own, drawn into the picture; where it is."""
    x, y = (int(v) for v in np.array(middle) + rng.integers(-3, 4, 2))
    drawn = np.zeros(SIZE, np.uint8)
    cv2.circle(drawn, (x, y - 10), 4, 1, -1)
    cv2.line(drawn, (x, y - 8), (x, y + 4), 1, 3)
    for hip, reach in (((x, y - 5), 9), ((x, y + 4), 10)):
        for side in (-1, 1):
            angle = rng.uniform(-1.0, 1.3)
            cv2.line(drawn, hip, (round(x + side * reach * np.cos(angle)), round(hip[1] + reach * np.sin(angle))), 1, 2)
    pixels[drawn > 0] = _grey(rng) + rng.integers(-60, 61)
    return drawn > 0


DRAWN: Mapping[str, Callable[[np.random.Generator], Scene]] = {"watermark": watermarked, "background": before_background, "companion": accompanied}
"""How the pictures of each network are drawn."""
