"""A pack that lies on the device, and augmentation there: one call for a whole batch, so that a GPU never waits for the CPU.

Turn, scale, translation, mirror and colours; framing, cutting, occlusion, grey and blur stay with `transforms.py`.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor
from torch.nn import functional

from glasspose.data.loading import EpochSampler, PackedPeople, person_of
from glasspose.data.transforms import TURNED
from glasspose.errors import MissingError
from glasspose.geometry import PADDING, Matrix, transform
from glasspose.structures import DEVIATION, MEAN, Batch

DRAWS = 10
"""Random numbers that a view takes, all uniform in 0 to 1: scale, whether turned, shift (2), mirror, colours (5)."""


class DeviceLoader:
    """What `loading.loader` is, with views made on the device. One process of several has the whole pack too."""

    def __init__(self, people: PackedPeople, sampler: EpochSampler, device: torch.device) -> None:
        self.people, self.sampler = PackOnDevice(people, device), sampler

    def __iter__(self) -> Iterator[Batch]:
        for keys in self.sampler:
            yield self.people.batch(torch.tensor([index for _, index in keys]), epoch=keys[0][0])


class PackOnDevice:
    """n packed people in the memory of a device: 0.8 MB each at 256 pixels with the usual context of two. MissingError where they do not fit."""

    def __init__(self, people: PackedPeople, device: torch.device) -> None:
        self.size, self.device, self.augmentation, self.seed = people.size, device, people.augmentation, people.seed
        first, skeleton = people.packs[0], people.packs[0].skeleton
        rows = [(people.packs[which], place) for which, place in people.places]
        sides = np.array([np.ptp(person_of(*row).view(self.size).reshape(2, 2)[:, 0]) for row in rows])
        self.zoom = self.size[1] / sides
        """Pixels of the input for one of the crop, of everybody."""
        side = first.crops.shape[1]
        self.shrink = max(1, int(1 / self.zoom.max() + 1e-6))
        """Pixels of the crop for one of the input: whole pixels are averaged first, as `geometry.warp` does."""
        self.middle = (side - 1) / 2
        self.flip, self.mirrors = torch.tensor(skeleton.flip, device=device), skeleton.mirrors
        self.crops = _crops(people, device)
        self.keypoints = self._kept([transform(pack.keypoints[place], pack.image_to_crop[place]) for pack, place in rows])
        self.labelled, self.occluded = (
            torch.from_numpy(np.stack([getattr(pack, name)[place] for pack, place in rows])).to(device) for name in ("labelled", "occluded")
        )
        self.torso, self.head = (self._kept([getattr(pack, name)[place] for pack, place in rows]) for name in ("torso", "head"))
        self.image_to_crop = self._kept([np.concatenate([pack.image_to_crop[place], [[0.0, 0.0, 1.0]]]) for pack, place in rows])
        self.weights = self._kept([people.weight(i) for i in range(len(people))])
        self._table: tuple[int, Float[np.ndarray, "n draws"], Float[np.ndarray, " n"]] | None = None

    def batch(self, index: Int64[Tensor, " B"], epoch: int) -> Batch:
        """These people, augmented; a view is a function of (seed, epoch, index), whoever else is in the batch."""
        draws, turns = self._draws(epoch)
        rows = index.numpy()
        matrices, mirrors = self._placed(draws[rows, :5], turns[rows], self.zoom[rows])
        index, matrix, mirrored = index.to(self.device), self._kept(matrices), torch.from_numpy(mirrors).to(self.device)
        images = self._normalised(self._warped(self.crops[index], matrix), draws[rows, 5:])
        keypoints = self.keypoints[index] @ matrix[:, :, :2].mT + matrix[:, None, :, 2]
        swap = mirrored[:, None]
        keypoints = torch.where(swap[..., None], keypoints[:, self.flip], keypoints)
        labelled, occluded = (torch.where(swap, flags[index][:, self.flip], flags[index]) for flags in (self.labelled, self.occluded))
        return Batch(
            images=images,
            keypoints=keypoints,
            labelled=labelled,
            occluded=occluded,
            image_to_input=matrix @ self.image_to_crop[index],
            torso=self.torso[index],
            head=self.head[index],
            index=index,
            weight=self.weights[index],
        )

    def _kept(self, values: object) -> Float32[Tensor, "..."]:
        return torch.as_tensor(np.asarray(values), dtype=torch.float32).to(self.device, non_blocking=True)

    def _draws(self, epoch: int) -> tuple[Float[np.ndarray, "n draws"], Float[np.ndarray, " n"]]:
        """Everybody's random numbers of an epoch: uniform ones, and a normal one for the turn."""
        if self._table is None or self._table[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch, 1))  # another stream than the order of the epoch
            self._table = epoch, rng.random((len(self.crops), DRAWS)), rng.standard_normal(len(self.crops))
        return self._table[1:]

    def _placed(
        self, draws: Float[np.ndarray, "B 5"], turns: Float[np.ndarray, " B"], zoom: Float[np.ndarray, " B"]
    ) -> tuple[Matrix, Bool[np.ndarray, " B"]]:
        """Matrices (B, 2, 3) from crop to input, and who is mirrored."""
        options, count = self.augmentation, len(draws)
        scale, turn, shift, mirrored = np.ones(count), np.zeros(count), np.zeros((count, 2)), np.zeros(count, bool)
        if options is not None:
            scale = np.exp(_around(draws[:, 0], options.scale))
            turn = np.clip(turns * options.rotation / 2, -options.rotation, options.rotation) * (draws[:, 1] < TURNED)
            shift = _around(draws[:, 2:4], options.translation) * np.array([self.size[1], self.size[0]]) / zoom[:, None]
            mirrored = (draws[:, 4] < options.flip) & self.mirrors
        grown = zoom / scale
        cos, sin = np.cos(np.deg2rad(turn)) * grown, np.sin(np.deg2rad(turn)) * grown
        linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)
        to = np.array([(self.size[1] - 1) / 2, (self.size[0] - 1) / 2])
        offset = to - (linear @ (self.middle + shift)[..., None])[..., 0]
        matrix = np.concatenate([linear, offset[..., None]], -1)
        matrix[mirrored, 0] *= -1
        matrix[mirrored, 0, 2] += self.size[1] - 1
        return matrix, mirrored

    def _warped(self, crops: Tensor, matrix: Float32[Tensor, "B 2 3"]) -> Float[Tensor, "B 3 H W"]:
        """The crops through the matrices, levels 0 to 255, `PADDING` beyond them."""
        padding = torch.tensor(PADDING, dtype=torch.float32, device=self.device).view(1, 3, 1, 1)
        images = crops.permute(0, 3, 1, 2).float() - padding
        side = crops.shape[1]
        if self.shrink > 1:
            images = functional.avg_pool2d(images, self.shrink)
        inverse = torch.linalg.inv(matrix[:, :, :2])
        xs, ys = (torch.arange(length, device=self.device, dtype=torch.float32) for length in (self.size[1], self.size[0]))
        places = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1)  # (H, W, 2)
        source = (places.flatten(0, 1) - matrix[:, None, :, 2]) @ inverse.mT
        grid = ((source + 0.5) * 2 / side - 1).view(len(crops), *self.size, 2)
        return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + padding

    def _normalised(self, images: Float[Tensor, "B 3 H W"], draws: Float[np.ndarray, "B 5"]) -> Float[Tensor, "B 3 H W"]:
        """Gains and shifts as `colours.py` draws them, then mean and deviation; channels last in memory."""
        share = 0.0 if self.augmentation is None else self.augmentation.colour
        gain = (1 + _around(draws[:, :1], share)) * (1 + _around(draws[:, 1:4], share / 2))
        shift = 128 - 128 * gain + _around(draws[:, 4:], share) * 64
        factor, added = (self._kept(part[..., None, None]) for part in (gain, shift))
        mean, deviation = (torch.tensor(part, device=self.device).view(1, 3, 1, 1) for part in (MEAN, DEVIATION))
        normal = ((images * factor + added).clamp(0, 255) / 255 - mean) / deviation
        return normal.contiguous(memory_format=torch.channels_last)


def _around(draws: Float[np.ndarray, "..."], reach: float) -> Float[np.ndarray, "..."]:
    """Uniform in 0 to 1, to uniform within plus and minus `reach`."""
    return (2 * draws - 1) * reach


def _crops(people: PackedPeople, device: torch.device) -> Tensor:
    """(n, S, S, 3) uint8 on the device."""
    shape = (len(people), *people.packs[0].crops.shape[1:])
    try:
        crops = torch.empty(shape, dtype=torch.uint8, device=device)
    except torch.OutOfMemoryError:
        told = f"{len(people)} packed people take {np.prod(shape) / 2**30:.1f} GiB on {device}"
        raise MissingError(told, "Leave on_device out: they are then read a batch at a time") from None
    for row, (which, place) in enumerate(people.places):
        crops[row] = torch.from_numpy(np.array(people.packs[which].crops[place]))
    return crops
