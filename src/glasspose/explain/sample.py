"""The people that an explanation looks at, cut out as the network sees them. Letters: N people, K keypoints, H W input."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from glasspose.configs.data import Data
from glasspose.configs.framing import Framing
from glasspose.data import as_skeleton, read
from glasspose.data.framing import shown
from glasspose.data.loading import normalise
from glasspose.data.outlines import Mask, Outline, cut_out, drawn, outlines_of
from glasspose.data.packing import packable
from glasspose.errors import InputError
from glasspose.geometry import Matrix, crop_matrix, scale_of, transform, warp
from glasspose.images import load_image
from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation, Image


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """N people in the crops by which `evaluate` judges them (1.25 times the longer labelled side). Lengths in input pixels."""

    name: str
    sha256: str
    """Of pixels and labels."""
    skeleton: Skeleton
    pixels: UInt8[np.ndarray, "N H W 3"]
    keypoints: Float[np.ndarray, "N K 2"]
    labelled: Bool[np.ndarray, "N K"]
    occluded: Bool[np.ndarray, "N K"]
    torso: Float[np.ndarray, " N"]
    """Reference length of PCK; 0 where there is none."""
    image_to_input: Float[np.ndarray, "N 2 3"]
    people: Sequence[Annotation]
    masks: Sequence[Mask | None] = ()
    """Which pixels are the person's, by the labels; None where these do not say so, and empty where nobody asked."""

    def __len__(self) -> int:
        return len(self.pixels)

    def mask(self, i: int) -> Mask | None:
        """Of one person; None where there is none."""
        return self.masks[i] if self.masks else None

    @property
    def image_ids(self) -> np.ndarray:
        """Intervals resample pictures, each with all its people."""
        return np.array([person.image_id for person in self.people])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the input."""
        return (self.pixels.shape[1], self.pixels.shape[2])

    def part(self, start: int, end: int) -> "Sample":
        """Some of the people in a row; name and checksum stay those of the whole."""
        arrays = ("pixels", "keypoints", "labelled", "occluded", "torso", "image_to_input", "people", "masks")
        return replace(self, **{key: getattr(self, key)[start:end] for key in arrays})

    def inputs(self, chosen: slice | Sequence[int] = slice(None)) -> Float[Tensor, "B 3 H W"]:
        """Some of the people as the network takes them."""
        return normalise(torch.from_numpy(np.ascontiguousarray(self.pixels[chosen])))

    def batches(self, size: int = 32) -> Iterator[tuple[slice, Float[Tensor, "B 3 H W"]]]:
        """Everybody, so many at a time."""
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self.inputs(part)


def draw_sample(data: Data, skeleton: Skeleton, size: tuple[int, int], n: int, seed: int = 0, *, masks: bool = False) -> Sample:
    """N labelled people of a dataset, or all where there are fewer, chosen by the seed and kept in the dataset's order.

    With `masks`, also the regions that the labels give them. AnnotationError where one is malformed.
    """
    dataset = as_skeleton(read(data), skeleton)
    everyone = packable(dataset)
    if not everyone:
        raise InputError(f"{dataset.name} has nobody with a labelled keypoint", "Choose another --data.split")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(everyone))[:n])
    people = [everyone[i] for i in chosen]
    return sample_of(people, skeleton, size, dataset.name, outlines_of(data, people) if masks else ())


def sample_of(people: Sequence[Annotation], skeleton: Skeleton, size: tuple[int, int], name: str, outlines: Sequence[Outline | None] = ()) -> Sample:
    """These people, cut out, with the masks of those who have an outline."""
    pictures = (load_image(person.image) for person in people)
    cuts = [_cut(person, picture, outlines[i] if outlines else None, size) for i, (person, picture) in enumerate(zip(people, pictures, strict=True))]
    pixels, masks = np.stack([cut[0] for cut in cuts]), [cut[1] for cut in cuts]
    known = any(mask is not None for mask in masks)
    content = pixels.tobytes() + b"".join(b"" if mask is None else np.packbits(mask).tobytes() for mask in masks)
    return replace(_sample(people, skeleton, size, name, pixels, content), masks=masks if known else ())


def _cut(person: Annotation, picture: Image, outline: Outline | None, size: tuple[int, int]) -> tuple[Image, Mask | None]:
    matrix = _matrix(person, size)
    mask = None if outline is None else cut_out(drawn(outline, (picture.shape[0], picture.shape[1])), matrix, size)
    return warp(picture, matrix, size), mask if mask is not None and mask.any() else None


def whose(masked: int, n: int, otherwise: str) -> str:
    """By what people are told from background: how many by their labelled masks, how many by something else."""
    counted = {"the mask in the labels": masked, otherwise: n - masked}
    return " or ".join(f"{by} ({count} of {n} people)" for by, count in counted.items() if count)


def _matrix(person: Annotation, size: tuple[int, int]) -> Matrix:
    return crop_matrix(shown(person, Framing(), size), size)


def _sample(people: Sequence[Annotation], skeleton: Skeleton, size: tuple[int, int], name: str, pixels: np.ndarray, content: bytes) -> Sample:
    matrices = np.stack([_matrix(person, size) for person in people])
    keypoints = np.stack([transform(person.keypoints, matrix) for person, matrix in zip(people, matrices, strict=True)])
    labelled, occluded = (np.stack([getattr(person, key) for person in people]) for key in ("labelled", "occluded"))
    torso = np.array([(person.torso or 0.0) * scale_of(matrix) for person, matrix in zip(people, matrices, strict=True)])
    digest = hashlib.sha256(content + np.where(labelled[..., None], keypoints, 0).tobytes() + labelled.tobytes())
    return Sample(
        name=name,
        sha256=digest.hexdigest(),
        skeleton=skeleton,
        pixels=pixels,
        keypoints=keypoints,
        labelled=labelled,
        occluded=occluded,
        torso=torso,
        image_to_input=matrices,
        people=people,
    )


def labels_of(people: Sequence[Annotation], skeleton: Skeleton, size: tuple[int, int], name: str) -> Sample:
    """The same without a look at the pictures: their pixels are 0, in no memory, and the hash is that of the labels."""
    return _sample(people, skeleton, size, name, np.broadcast_to(np.zeros((1, 1, 1, 1), np.uint8), (len(people), *size, 3)), b"")


def sample_of_picture(picture: str | Image, skeleton: Skeleton, box: Float[np.ndarray, " 4"], size: tuple[int, int]) -> Sample:
    """One photograph (a path, or its pixels) in the crop that `predict` would use; no keypoint is labelled."""
    image, matrix = load_image(picture), crop_matrix(box, size)
    pixels = warp(image, matrix, size)[None]
    nothing = np.zeros((1, len(skeleton)), bool)
    return Sample(
        name=picture if isinstance(picture, str) else "one picture",
        sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
        skeleton=skeleton,
        pixels=pixels,
        keypoints=np.zeros((1, len(skeleton), 2)),
        labelled=nothing,
        occluded=nothing,
        torso=np.zeros(1),
        image_to_input=matrix[None],
        people=(),
    )
