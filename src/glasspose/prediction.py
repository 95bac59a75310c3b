"""Pictures to poses: crop, network, decode, back to image pixels. `load(name).predict(image)` is the whole of it.

Where no box is given, one person is sought in two passes: the whole picture, then the box around the keypoints that the first pass saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.calibration import Calibration, calibration_from_card, person_scores
from glasspose.checkpoint import shipped_weights
from glasspose.data.loading import normalise
from glasspose.engines import accelerate, load_weights
from glasspose.errors import UsageError
from glasspose.geometry import Box, Matrix, crop_matrix, extent, fit_aspect, inside, invert, transform, warp
from glasspose.images import load_image
from glasspose.network import PoseNetwork
from glasspose.people.devices import torch_device
from glasspose.skeletons import Skeleton
from glasspose.structures import Image, Poses

DEFAULT = "hourglass-tiny-lsp"
PORTRAIT_MARGIN = 3.0
"""The same where fewer than two keypoints from the hips down are seen."""
LIKELY = 0.5
"""To place the second pass's box, a keypoint needs this share of the score that it needs to be seen."""
FEWEST = 3
"""The second pass needs so many likely keypoints to place its box."""
FEWEST_BELOW = 2
"""With fewer seen keypoints than this from the hips down, a picture is a portrait."""


def default_weights() -> str:
    """The best weights that ship with the package."""
    shipped = shipped_weights()
    return "hourglass-base-lsp" if "hourglass-base-lsp" in shipped else DEFAULT


def load(
    weights: str | Path | None = None,
    *,
    device: str = "auto",
    flip_test: bool = True,
    batch: int = 16,
    engine: str = "auto",
    pictures: int | None = 0,
) -> "Predictor":
    """A predictor from shipped weights by name, from a .safetensors file beside its card, or from an exported file.

    `engine` is what runs the network (`glasspose.engines`); for `auto` it matters how many `pictures` are to come: None for very many.
    WeightsError, MissingError, UsageError.
    """
    network, card = load_weights(weights or default_weights())
    network = accelerate(network, engine, find_device(device), pictures)
    return Predictor(network, calibration_from_card(card, len(network.skeleton)), device=device, flip_test=flip_test, batch=batch)


@dataclass(frozen=True, kw_only=True, eq=False)
class Crop:
    """A part of a picture that the network is asked about."""

    image: Image
    box: Box
    """Corner-based, with the aspect of the network's input, or the whole picture, which is then squashed."""

    def matrix(self, size: tuple[int, int]) -> Matrix:
        """Image pixels to input pixels."""
        return crop_matrix(self.box, size)


class Predictor:
    """A network, ready to be shown pictures. `flip_test` also shows it their mirror images: more exact, half as fast.

    `fill` makes every batch the same shape, so that answers are the same bits whatever company a crop is in.
    """

    def __init__(
        self, network: PoseNetwork, calibration: Calibration, *, device: str = "auto", flip_test: bool = True, batch: int = 16, fill: bool = False
    ) -> None:
        if batch < 1:
            raise UsageError(f"a batch of {batch} pictures", "Use --batch 1 or more")
        self.device = find_device(device)
        self.network = network.eval().to(self.device)
        self.calibration, self.flip_test, self.batch, self.fill = calibration, flip_test, batch, fill

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints that are found."""
        return self.network.skeleton

    def predict(self, image: str | Path | bytes | Image, boxes: Sequence[Sequence[float]] | Float[np.ndarray, "N 4"] | None = None) -> Poses:
        """The people of one picture (a file or an RGB array): one in each box (x1, y1, x2, y2), or without boxes the one person it shows."""
        return self.predict_batch([load_image(image)], None if boxes is None else [np.asarray(boxes, np.float64).reshape(-1, 4)])[0]

    def predict_batch(self, images: Sequence[Image], boxes: Sequence[Float[np.ndarray, "N 4"]] | None = None) -> list[Poses]:
        """The same for many pictures at once; `boxes` has one array for each."""
        if boxes is None:
            return [self._alone(image, told) for image, told in zip(images, self.two_passes(images), strict=True)]
        crops = [Crop(image=image, box=self._framed(image, box)) for image, own in zip(images, boxes, strict=True) for box in own]
        keypoints, scores = self._ask(crops)
        ends = np.cumsum([len(own) for own in boxes])
        parts = zip(images, boxes, np.split(keypoints, ends)[:-1], np.split(scores, ends)[:-1], strict=True)
        return [self._poses(image, *rest) for image, *rest in parts]

    def heatmaps(self, image: Image, box: Box | None = None) -> tuple[Float[np.ndarray, "S K h w"], Crop]:
        """The maps of every stack for one crop (by default the one that `predict` ends with), and where they lie."""
        if box is None:
            crop = self._second(image, *(part[0] for part in self._ask([self._whole(image)])))
        else:
            crop = Crop(image=image, box=self._framed(image, box))
        with torch.inference_mode():
            return self.network.heatmaps(self._input([crop]), flip_test=self.flip_test)[0].float().cpu().numpy(), crop

    def two_passes(self, images: Sequence[Image]) -> Float[np.ndarray, "n K 3"]:
        """The one person in each picture, whether or not anybody is there: x and y in image pixels, and scores."""
        keypoints, scores = self._ask([self._whole(image) for image in images])
        if not self._squashes:
            crops = [self._second(image, *answer) for image, *answer in zip(images, keypoints, scores, strict=True)]
            keypoints, scores = self._ask(crops)
        return np.concatenate([keypoints, scores[..., None]], -1)

    def _alone(self, image: Image, told: Float[np.ndarray, "K 3"]) -> Poses:
        poses = self._poses(image, None, told[None, :, :2], told[None, :, 2])
        return poses if poses.person_scores[0] >= self.calibration.person else _nobody(poses)

    def _whole(self, image: Image) -> Crop:
        everything = (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
        return Crop(image=image, box=np.array(everything) if self._squashes else fit_aspect(everything, self.network.input_size))

    def _second(self, image: Image, keypoints: Float[np.ndarray, "K 2"], scores: Float[np.ndarray, " K"]) -> Crop:
        """The crop of the second pass: around what the first has found, or the whole picture again.

        A portrait is framed as if the body went on below it, the size at which the network knows people.
        """
        if self._squashes:
            return self._whole(image)
        likely = (scores >= LIKELY * np.array(self.calibration.seen)) & inside(keypoints, image.shape[:2])
        lower = np.isin(np.arange(len(self.skeleton)), self.skeleton.lower_body)
        portrait = bool(lower.any()) and (lower & self._seen(image, keypoints, scores)).sum() < FEWEST_BELOW
        if portrait and (likely & ~lower).sum() >= FEWEST:
            return Crop(image=image, box=fit_aspect(extent(keypoints, likely & ~lower), self.network.input_size, PORTRAIT_MARGIN))
        return Crop(image=image, box=self._framed(image, extent(keypoints, likely))) if likely.sum() >= FEWEST else self._whole(image)

    @property
    def _squashes(self) -> bool:
        """Whether the network knows whole pictures alone, pressed into its input."""
        return self.network.framing.framing == "squash"

    def _framed(self, image: Image, box: Float[np.ndarray, " 4"] | Sequence[float]) -> Box:
        if not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
            raise UsageError(f"box {[round(float(v), 1) for v in box]} is empty", "Boxes are x1, y1, x2, y2 in pixels")
        return self._whole(image).box if self._squashes else fit_aspect(box, self.network.input_size, self.network.framing.scale)

    def _ask(self, crops: Sequence[Crop]) -> tuple[Float[np.ndarray, "n K 2"], Float[np.ndarray, "n K"]]:
        """The network's keypoints in image pixels, and their scores."""
        count = len(self.network.skeleton)
        keypoints, scores = np.zeros((len(crops), count, 2)), np.zeros((len(crops), count))
        for start in range(0, len(crops), self.batch):
            part = crops[start : start + self.batch]
            with torch.inference_mode():
                places, heights = self.network.keypoints(self._input(part), flip_test=self.flip_test)
            for i, crop in enumerate(part):
                keypoints[start + i] = transform(places[i].cpu().numpy(), invert(crop.matrix(self.network.input_size)))
                scores[start + i] = heights[i].cpu().numpy()
        return keypoints, scores

    def _input(self, crops: Sequence[Crop]) -> Tensor:
        size = self.network.input_size
        pixels = np.stack([warp(crop.image, crop.matrix(size), size) for crop in crops])
        if self.fill:
            pixels = np.concatenate([pixels, np.zeros((self.batch - len(crops), *pixels.shape[1:]), np.uint8)])
        return normalise(torch.from_numpy(pixels).to(self.device))

    def _seen(self, image: Image, keypoints: Float[np.ndarray, "*n K 2"], scores: Float[np.ndarray, "*n K"]) -> np.ndarray:
        seen: np.ndarray = (scores >= np.array(self.calibration.seen)) & inside(keypoints, image.shape[:2])
        return seen

    def _poses(self, image: Image, boxes: np.ndarray | None, keypoints: Float[np.ndarray, "N K 2"], scores: Float[np.ndarray, "N K"]) -> Poses:
        seen = self._seen(image, keypoints, scores)
        if boxes is None:
            boxes = np.stack([extent(points, own) if own.any() else np.zeros(4) for points, own in zip(keypoints, seen, strict=True)])
        trust = self.calibration.trust
        fitted = trust if trust is not None and trust.flip_test == self.flip_test else None
        return Poses(
            keypoints=keypoints,
            scores=scores,
            seen=seen,
            boxes=np.asarray(boxes, np.float64).reshape(-1, 4),
            person_scores=person_scores(scores),
            skeleton=self.network.skeleton,
            size=(image.shape[0], image.shape[1]),
            probability=None if fitted is None else fitted.probabilities(scores),
            radius=None if fitted is None else fitted.radii(keypoints, seen),
        )


def _nobody(poses: Poses) -> Poses:
    fields = ("keypoints", "scores", "seen", "boxes", "person_scores")
    return replace(poses, **{name: getattr(poses, name)[:0] for name in fields}, probability=None, radius=None)


def find_device(name: str) -> torch.device:
    """The device of this name; `auto` is a GPU where there is one. UsageError for a name that is none, MissingError where it is not here."""
    return torch_device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
