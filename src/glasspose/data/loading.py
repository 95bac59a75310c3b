"""Packed people to batches. A sample is a function of (seed, epoch, index) alone."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from glasspose.configs.augmentation import Augmentation
from glasspose.data.packing import Pack
from glasspose.data.transforms import Person, augmented_view, plain_view
from glasspose.errors import MissingError, TrainingError
from glasspose.geometry import compose, scale_of, transform
from glasspose.structures import DEVIATION, MEAN, Batch

Key = tuple[int, int]
"""(epoch, index); index -1 asks for padding."""
SHARED = Path("/dev/shm")  # noqa: S108 - only its room is asked for
"""Where Linux keeps the batches that loading processes hand over."""
AHEAD = 2
"""Batches that each loading process prepares before they are asked for."""


def normalise(images: UInt8[Tensor, "B H W 3"]) -> Float32[Tensor, "B 3 H W"]:
    """Pictures to what networks take: channels first in shape (last in memory), mean 0 and deviation 1 over photographs (ImageNet's)."""
    scaled = (images.float() / 255.0 - torch.tensor(MEAN, device=images.device)) / torch.tensor(DEVIATION, device=images.device)
    return scaled.permute(0, 3, 1, 2)


class PackedPeople(Dataset[dict[str, Any]]):
    """People of one or more packs with the same skeleton. Without augmentation, the evaluation square.

    `chosen` narrows the people of the first pack to these places.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        size: tuple[int, int],
        augmentation: Augmentation | None = None,
        seed: int = 0,
        chosen: Sequence[int] | None = None,
    ) -> None:
        self.packs, self.size, self.augmentation, self.seed = packs, size, augmentation, seed
        first = list(range(len(packs[0]))) if chosen is None else list(chosen)
        self.places = [(0, place) for place in first] + [(n, place) for n, pack in enumerate(packs[1:], 1) for place in range(len(pack))]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        epoch, index = key
        which, place = self.places[max(index, 0)]
        pack = self.packs[which]
        person = person_of(pack, place)
        if self.augmentation is None:
            view = plain_view(person, self.size)
        else:
            view = augmented_view(person, pack.skeleton, self.size, self.augmentation, np.random.default_rng((self.seed, epoch, index)))
        swap = list(pack.skeleton.flip) if view.flipped else slice(None)
        keypoints = np.where(view.outside[:, None], -1e4, view.keypoints)
        return {
            "images": view.image,
            "keypoints": keypoints.astype(np.float32),
            "labelled": pack.labelled[place][swap] & (index >= 0),
            "occluded": pack.occluded[place][swap],
            "image_to_input": compose(view.matrix, pack.image_to_crop[place]).astype(np.float32),
            "torso": np.float32(pack.torso[place]),
            "head": np.float32(pack.head[place]),
            "index": np.int64(index),
        }


def person_of(pack: Pack, place: int) -> Person:
    """One packed person in pixels of the kept crop."""
    side = pack.crops.shape[1]
    margin = (side - pack.size) / 2
    matrix = pack.image_to_crop[place]
    height, width = pack.image_sizes[place]
    corners = transform(np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]]), matrix) + 0.5
    return Person(
        crop=np.asarray(pack.crops[place]),
        keypoints=transform(pack.keypoints[place], matrix),
        labelled=pack.labelled[place],
        square=np.array([margin, margin, side - margin, side - margin]),
        picture=corners.ravel(),
        scale=scale_of(matrix),
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
