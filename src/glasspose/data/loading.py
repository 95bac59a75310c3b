"""Packed people to batches. A sample is a function of (seed, epoch, index) alone."""

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from glasspose.configs.augmentation import Augmentation
from glasspose.data.framing import evaluation_box, grown
from glasspose.data.packing import USUAL, Pack
from glasspose.data.transforms import Person, View, augmented_view, plain_view
from glasspose.errors import MissingError, TrainingError
from glasspose.geometry import Matrix, compose, scale_of, transform
from glasspose.images import load_image
from glasspose.skeletons import Skeleton
from glasspose.structures import DEVIATION, MEAN, Annotation, Batch

Key = tuple[int, int]
"""(epoch, index); index -1 asks for padding."""
SHARED = Path("/dev/shm")  # noqa: S108 - only its room is asked for
"""Where Linux keeps the batches that loading processes hand over."""
AHEAD = 2
"""Batches that each loading process prepares before they are asked for."""


def normalise(images: UInt8[Tensor, "B H W 3"]) -> Float32[Tensor, "B 3 H W"]:
    """Pictures to what networks take: channels first in shape (last in memory), mean 0 and deviation 1 over photographs (ImageNet's)."""
    width = images.shape[2]
    mean, deviation = (torch.tensor(values, device=images.device).repeat(width) for values in (MEAN, DEVIATION))
    rows = images.flatten(2).to(torch.float32).div_(255.0)  # whole rows at once, in place: three times as fast as pixel by pixel
    return rows.sub_(mean).div_(deviation).view(images.shape).permute(0, 3, 1, 2)


class PackedPeople(Dataset[dict[str, Any]]):
    """People of one or more packs with the same skeleton. Without augmentation, the evaluation square.

    `chosen` narrows the people of the first pack to these places; `weights` says by (image, person) how much some of them count in the
    loss, everybody else 1.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        size: tuple[int, int],
        augmentation: Augmentation | None = None,
        seed: int = 0,
        chosen: Sequence[int] | None = None,
        weights: Mapping[tuple[int, int], float] = MappingProxyType({}),
    ) -> None:
        self.packs, self.size, self.augmentation, self.seed = packs, size, augmentation, seed
        first = list(range(len(packs[0]))) if chosen is None else list(chosen)
        self.places = [(0, place) for place in first] + [(n, place) for n, pack in enumerate(packs[1:], 1) for place in range(len(pack))]
        keys = zip(packs[0].image_ids.tolist(), packs[0].person_ids.tolist(), strict=True)
        self.weights = np.array([weights.get(key, 1.0) for key in keys], np.float32)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        epoch, index = key
        which, place = self.places[max(index, 0)]
        pack = self.packs[which]
        person = person_of(pack, place)
        view = view_of(person, pack.skeleton, self.size, self.augmentation, (self.seed, epoch, index))
        return sample_of(view, pack.image_to_crop[place], index) | {
            "labelled": swapped(view, pack.skeleton, pack.labelled[place]) & (index >= 0),
            "occluded": swapped(view, pack.skeleton, pack.occluded[place]),
            "torso": np.float32(pack.torso[place]),
            "head": np.float32(pack.head[place]),
            "weight": self.weight(index),
        }

    def weight(self, index: int) -> np.float32:
        """How much somebody counts in the loss."""
        which, place = self.places[max(index, 0)]
        return np.float32(self.weights[place] if which == 0 else 1)


class PicturedPeople(Dataset[dict[str, Any]]):
    """The same samples from the pictures themselves, each decoded again for every sample: where there is no room for a pack.

    `people` as from `packable`.
    """

    def __init__(
        self, people: Sequence[Annotation], skeleton: Skeleton, size: tuple[int, int], augmentation: Augmentation | None = None, seed: int = 0
    ) -> None:
        self.people, self.skeleton, self.size, self.augmentation, self.seed = people, skeleton, size, augmentation, seed

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        epoch, index = key
        known = self.people[max(index, 0)]
        person, matrix = person_in_picture(known)
        view = view_of(person, self.skeleton, self.size, self.augmentation, (self.seed, epoch, index))
        return sample_of(view, matrix, index) | {
            "labelled": swapped(view, self.skeleton, known.labelled) & (index >= 0),
            "occluded": swapped(view, self.skeleton, known.occluded),
            "torso": np.float32(known.torso or 0.0),
            "head": np.float32(known.head or 0.0),
            "weight": np.float32(1),
        }


def view_of(person: Person, skeleton: Skeleton, size: tuple[int, int], options: Augmentation | None, seed: tuple[int, int, int]) -> View:
    """The view of one sample; without augmentation, the evaluation square. `seed`: of the run, the epoch and the index."""
    return plain_view(person, size) if options is None else augmented_view(person, skeleton, size, options, np.random.default_rng(seed))


def sample_of(view: View, image_to_crop: Matrix, index: int) -> dict[str, Any]:
    """What a view says of a sample; what is known of the person comes to it."""
    return {
        "images": view.image,
        "keypoints": np.where(view.outside[:, None], -1e4, view.keypoints).astype(np.float32),
        "image_to_input": compose(view.matrix, image_to_crop).astype(np.float32),
        "index": np.int64(index),
    }


def swapped(view: View, skeleton: Skeleton, flags: Bool[np.ndarray, " K"]) -> Bool[np.ndarray, " K"]:
    """Left for right where the view is mirrored."""
    return flags[list(skeleton.flip)] if view.flipped else flags


def person_in_picture(known: Annotation) -> tuple[Person, Matrix]:
    """One person in pixels of a part of the picture, which is read from its file, and the matrix from picture to part. ImageError.

    The part is the square that a pack would keep, as far as it lies in the picture, in the picture's own pixels.
    """
    image, square = load_image(known.image), evaluation_box(known)
    reach = grown(square, USUAL.context)
    x1, y1 = (max(0, math.floor(v)) for v in reach[:2])
    part = image[y1 : math.ceil(reach[3]), x1 : math.ceil(reach[2])]
    if not part.size:  # a box beside its picture
        part, x1, y1 = image, 0, 0
    moved = np.array([x1, y1, x1, y1], np.float64)
    picture = np.array([0.0, 0.0, image.shape[1], image.shape[0]]) - moved
    person = Person(
        crop=part, keypoints=known.keypoints - moved[:2], labelled=known.labelled, square=square - moved, picture=picture, box=known.box - moved
    )
    return person, np.array([[1.0, 0.0, -x1], [0.0, 1.0, -y1]])


def person_of(pack: Pack, place: int) -> Person:
    """One packed person in pixels of the kept crop."""
    side = pack.crops.shape[1]
    margin = (side - pack.size) / 2
    matrix = pack.image_to_crop[place]
    height, width = pack.image_sizes[place]
    corners = transform(np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]]), matrix) + 0.5
    box = (transform(pack.boxes[place].reshape(2, 2) - 0.5, matrix) + 0.5).ravel()
    of_box = np.abs((box[:2] + box[2:]) / 2 - side / 2).max() < 0.5 and (box[2:] > box[:2]).all()  # of other framings the square has another middle
    return Person(
        crop=np.asarray(pack.crops[place]),
        keypoints=transform(pack.keypoints[place], matrix),
        labelled=pack.labelled[place],
        square=np.array([margin, margin, side - margin, side - margin]),
        picture=corners.ravel(),
        scale=scale_of(matrix),
        box=box if of_box else None,
    )


def collate(samples: Sequence[dict[str, Any]]) -> Batch:
    """Samples to one batch; the pictures are normalised here."""
    stacked = {key: torch.from_numpy(np.stack([sample[key] for sample in samples])) for key in samples[0]}
    return Batch(**(stacked | {"images": normalise(stacked["images"])}))


class EpochSampler(Sampler[list[Key]]):
    """The batches of one process in one epoch: a permutation from (seed, epoch), dealt out by strides, so that each sample comes once.

    The batch is that of all processes together; `start` batches are left out when a run goes on in the middle of an epoch. In training the
    last, smaller batch is dropped (batch norm needs full ones) unless it is the only one; evaluation fills it up with padding.
    """

    def __init__(self, count: int, batch: int, rank: int = 0, processes: int = 1, *, shuffled: bool, seed: int = 0) -> None:
        self.count, self.batch, self.rank, self.processes, self.shuffled, self.seed = count, batch, rank, processes, shuffled, seed
        self.epoch, self.start = 0, 0

    def __len__(self) -> int:
        full = self.count // self.batch if self.shuffled else -(-self.count // self.batch)
        return max(full, 1)

    def __iter__(self) -> Iterator[list[Key]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.count) if self.shuffled else np.arange(self.count)
        order = np.resize(order, max(self.count, self.batch)) if self.shuffled else order
        for i in range(self.start, len(self)):
            indices = order[i * self.batch : (i + 1) * self.batch].tolist()
            padded = indices + [-1] * (self.batch - len(indices))
            yield [(self.epoch, index) for index in padded[self.rank :: self.processes]]


def loader(people: PackedPeople, sampler: EpochSampler, workers: int = 0, pin: bool = False) -> "DataLoader[Any]":
    """Batches in the sampler's order, prepared by so many processes (0: this one). MissingError where there is no room to hand them over."""
    _refuse_without_room(people.size, sampler.batch // sampler.processes, workers)
    cv2.setNumThreads(1)  # its threads would compete with torch's for the same cores
    return DataLoader(
        people,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin,
        worker_init_fn=_one_thread,
        persistent_workers=workers > 0,
        multiprocessing_context="forkserver" if workers else None,
        prefetch_factor=AHEAD if workers else None,
    )  # no timeout: torch then waits it out before it looks whether a process has died


def _refuse_without_room(size: tuple[int, int], batch: int, workers: int) -> None:
    """A process that writes a batch into a full /dev/shm dies or waits for ever: say so before the first one does."""
    needed = AHEAD * workers * batch * size[0] * size[1] * 3 * 4
    free = shutil.disk_usage(SHARED).free if workers and SHARED.is_dir() else needed
    if free < needed:
        told = f"{workers} loading processes need {needed / 2**20:.0f} MiB in {SHARED}, and {free / 2**20:.0f} MiB are free"
        raise MissingError(told, "Use fewer --workers (0 needs none), or enlarge it (docker run --shm-size 1g)")


@contextmanager
def deaths_told() -> Iterator[None]:
    """A process of the loader that dies is a TrainingError. torch says so in the midst of whatever this process does."""
    try:
        yield
    except RuntimeError as problem:
        if not re.match(r"DataLoader worker \(pid", str(problem)):
            raise
        told = "a process that prepares samples has died: killed, or out of memory or of room in /dev/shm"
        raise TrainingError(told, "Go on with --resume, with fewer --workers if it happens again") from None


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
