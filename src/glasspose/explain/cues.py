"""What `explain stress` changes, one thing at a time and at growing doses.

The person is the mask in the labels, where they have one. Elsewhere it is where the network itself sees one: the hull of its own keypoints,
grown; some background lies inside, and hands and hair may lie outside. Dose 0 gives the picture back bit for bit. Letters: H W input, K keypoints.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from glasspose.attribution.corruptions import CORRUPTIONS, STRENGTHS, corrupted
from glasspose.explain.covering import filled
from glasspose.explain.sample import Sample
from glasspose.explain.tolerance import areas
from glasspose.geometry import Matrix, compose, flip_matrix, invert, warp
from glasspose.images import load_image
from glasspose.structures import Image

GROWN = 0.25
"""The hull is grown by this share of the pose's scale (the root of its area)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """One picture before anything is changed in it."""

    pixels: Image
    other: Image
    """Another picture of the sample."""
    person: Float[np.ndarray, "H W 1"]
    """1 where the person is: 0 or 1 by a mask, soft at the edge by the network's own pose."""
    photograph: Path | None
    """What the picture was cut out of, where there is a file of it."""
    image_to_input: Matrix
    sign: float
    """-1 or 1: which way it is turned, scaled or made lighter."""
    seed: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return (self.pixels.shape[0], self.pixels.shape[1])

    def rng(self, name: str) -> np.random.Generator:
        """The same numbers for every dose of a cue, so that doses differ in strength alone."""
        return np.random.default_rng((*self.seed, *name.encode()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Variant:
    """The picture with one cue at one dose."""

    cue: str
    dose: float
    pixels: Image
    back: Matrix
    """From its keypoints to those of the unchanged picture."""
    mirrored: bool = False


@dataclass(frozen=True, kw_only=True)
class Cue:
    """A kind of change. `unit` says what its doses are."""

    family: str
    doses: tuple[float, ...]
    unit: str


STRENGTH = "strength"
CUES: Mapping[str, Cue] = {
    "background blurred": Cue(family="cue", doses=(1.0,), unit="all"),
    "background": Cue(family="cue", doses=(0.5, 1.0), unit="share of another picture's"),
    "colour": Cue(family="cue", doses=(1.0,), unit="grey"),
    "texture": Cue(family="cue", doses=(2.0, 4.0), unit="cells of H/128, shuffled inside"),
    "edges only": Cue(family="cue", doses=(1.0,), unit="all"),
    "occlusion": Cue(family="occlusion", doses=(0.15, 0.35), unit="share of the person"),
    "crop shift": Cue(family="framing", doses=(0.08, 0.16), unit="share of the crop"),
    "crop scale": Cue(family="framing", doses=(0.2, 0.4), unit="log scale, + or -"),
    "rotation": Cue(family="framing", doses=(20.0, 45.0), unit="degrees, + or -"),
    "flip": Cue(family="framing", doses=(1.0,), unit="mirrored"),
} | {name: Cue(family="corruption", doses=tuple(float(s + 1) for s in range(STRENGTHS)), unit=STRENGTH) for name in CORRUPTIONS}
"""In the order of the figures; families: cue, occlusion, framing, corruption."""


def scene(sample: Sample, i: int, other: int, keypoints: Float[np.ndarray, "K 2"], seed: int) -> Scene:
    """A picture of the sample with the place of the person in it, by the mask or else by the network's own keypoints."""
    mask = sample.mask(i)
    photograph = sample.people[i].image if len(sample.people) and sample.people[i].image.is_file() else None
    return Scene(
        pixels=sample.pixels[i],
        other=sample.pixels[other],
        person=_grown_hull(keypoints, sample.size) if mask is None else mask[..., None].astype(np.float32),
        photograph=photograph,
        image_to_input=sample.image_to_input[i],
        sign=1.0 if np.random.default_rng((seed, i, 7)).random() < 0.5 else -1.0,
        seed=(seed, i),
    )


def _grown_hull(keypoints: Float[np.ndarray, "K 2"], size: tuple[int, int]) -> Float[np.ndarray, "H W 1"]:
    hull = filled(keypoints, size, GROWN * float(np.sqrt(areas(keypoints[None])[0]))).astype(np.float32)
    found: np.ndarray = cv2.GaussianBlur(hull, (0, 0), 0.008 * size[0])[..., None]
    return found


def variants(of: Scene) -> Iterator[Variant]:
    """Every cue at every dose, in the order of `CUES`."""
    for name, cue in CUES.items():
        for dose in cue.doses:
            yield varied(of, name, dose)


def varied(of: Scene, name: str, dose: float) -> Variant:
    """One cue at one dose."""
    if CUES[name].family == "framing":
        moved = _moves(of, name, dose)
        return Variant(cue=name, dose=dose, pixels=_seen_through(of, moved), back=invert(moved), mirrored=name == "flip" and dose > 0)
    changed = corrupted(of.pixels, name, int(dose), of.rng(name)) if name in CORRUPTIONS else _PAINTED[name](of, dose)
    return Variant(cue=name, dose=dose, pixels=changed, back=np.eye(2, 3))


def _moves(of: Scene, name: str, dose: float) -> Matrix:
    """From the unchanged picture to the changed one, about its centre."""
    height, width = of.size
    if name == "flip":
        return flip_matrix(width) if dose else np.eye(2, 3)
    turn = np.deg2rad(of.sign * dose) if name == "rotation" else 0.0
    scale = np.exp(of.sign * dose) if name == "crop scale" else 1.0
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    linear = np.array([[cos, -sin], [sin, cos]])
    away = of.rng(name).uniform(0, 2 * np.pi)
    shift = dose * height * np.array([np.cos(away), np.sin(away)]) if name == "crop shift" else np.zeros(2)
    return np.column_stack([linear, centre - linear @ centre + shift])


def _seen_through(of: Scene, moved: Matrix) -> Image:
    """Cut out of the photograph once more, so that what lay outside the crop is there; of the crop itself where there is no photograph."""
    if of.photograph is None:
        return warp(of.pixels, moved, of.size)
    return warp(load_image(of.photograph), compose(moved, of.image_to_input), of.size)


def _mixed(of: Scene, inside: UInt8[np.ndarray, "H W 3"], outside: UInt8[np.ndarray, "H W 3"], dose: float) -> Image:
    """One picture where the person is, another elsewhere; and so much of that as the dose says."""
    if dose == 0:
        return of.pixels.copy()
    both = of.person * inside + (1 - of.person) * outside.astype(np.float32)
    found: np.ndarray = np.clip(np.rint((1 - dose) * of.pixels + dose * both), 0, 255).astype(np.uint8)
    return found


def _background_blurred(of: Scene, dose: float) -> Image:
    return _mixed(of, of.pixels, cv2.GaussianBlur(of.pixels, (0, 0), 0.08 * of.size[0], borderType=cv2.BORDER_REFLECT), dose)


def _background(of: Scene, dose: float) -> Image:
    return _mixed(of, of.pixels, of.other, dose)


def _colour(of: Scene, dose: float) -> Image:
    grey = cv2.cvtColor(of.pixels, cv2.COLOR_RGB2GRAY)
    return _mixed(of, np.repeat(grey[..., None], 3, -1), of.pixels, dose)


def _texture(of: Scene, dose: float) -> Image:
    """Pixels change places within small squares: what is fine is gone, what is coarse stays."""
    side = round(dose * of.size[0] / 128)
    if side < 2:
        return of.pixels.copy()
    rng = of.rng("texture")
    rows, columns = np.mgrid[: of.size[0], : of.size[1]]
    cell = (rows // side) * (of.size[1] // side + 1) + columns // side
    order = np.argsort(cell.ravel(), kind="stable")
    mixed = np.lexsort((rng.random(cell.size), cell.ravel()))
    shuffled = np.empty_like(of.pixels.reshape(-1, 3))
    shuffled[order] = of.pixels.reshape(-1, 3)[mixed]
    return _mixed(of, shuffled.reshape(of.pixels.shape), of.pixels, 1.0)


def _edges(of: Scene, dose: float) -> Image:
    """Grey lines on the mean colour of the person: how fast lightness changes, and nothing else."""
    grey = cv2.GaussianBlur(cv2.cvtColor(of.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.006 * of.size[0])
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    strong = slope / max(float(np.quantile(slope, 0.98)), 1e-6)
    mean = (of.pixels * of.person).sum((0, 1)) / max(float(of.person.sum()), 1e-6)
    lines = np.clip(mean - 110 * np.minimum(strong, 1.0)[..., None], 0, 255)
    return _mixed(of, np.rint(lines).astype(np.uint8), of.pixels, dose)


def _occlusion(of: Scene, dose: float) -> Image:
    """Disks of another picture upon the person, until so much of it is hidden."""
    rng, inside = of.rng("occlusion"), of.person[..., 0] > 0.5
    if dose == 0 or not inside.any():
        return of.pixels.copy()
    rows, columns = np.nonzero(inside)
    cover, radius = np.zeros(of.size, np.uint8), max(2, round(0.14 * np.sqrt(len(rows))))
    for at in rng.integers(len(rows), size=1000):
        cv2.circle(cover, (int(columns[at]), int(rows[at])), radius, 1, -1)
        if cover[inside].mean() >= dose:
            break
    found: np.ndarray = np.where(cover[..., None] == 1, of.other, of.pixels)
    return found


_PAINTED: Mapping[str, Callable[[Scene, float], Image]] = {
    "background blurred": _background_blurred,
    "background": _background,
    "colour": _colour,
    "texture": _texture,
    "edges only": _edges,
    "occlusion": _occlusion,
}
