"""A pack that lies on the device, and augmentation there: one call for a whole batch, so that a GPU never waits for the CPU.

Turn, scale, translation, mirror and colours; framing, cutting, occlusion, grey and blur stay with `transforms.py`.
"""

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor
from torch.nn import functional

from glasspose.configs.augmentation import Augmentation
from glasspose.data.packing import Pack
from glasspose.geometry import PADDING, transform
from glasspose.structures import DEVIATION, MEAN, Batch


class PackOnDevice:
    """n packed people in the memory of a device: 0.8 MB each at 256 pixels with the usual context of two."""

    def __init__(self, pack: Pack, size: tuple[int, int], device: torch.device, augmentation: Augmentation | None = None, seed: int = 0) -> None:
        self.size, self.device, self.augmentation, self.seed = size, device, augmentation, seed
        self.square, side = pack.size, pack.crops.shape[1]
        self.shrink = max(1, int(pack.size / max(size)))
        """Pixels of the crop for one of the input: whole pixels are averaged first, as `geometry.warp` does."""
        self.crops = torch.from_numpy(np.array(pack.crops)).to(device)
        places = np.stack([transform(points, matrix) for points, matrix in zip(pack.keypoints, pack.image_to_crop, strict=True)])
        self.middle = (side - 1) / 2
        self.keypoints = torch.as_tensor(places, dtype=torch.float32, device=device)
        self.flip = torch.tensor(pack.skeleton.flip, device=device)
        self.mirrors = pack.skeleton.mirrors
        self.labelled, self.occluded = (torch.from_numpy(np.array(flags)).to(device) for flags in (pack.labelled, pack.occluded))
        self.torso, self.head = (torch.as_tensor(np.asarray(lengths), dtype=torch.float32, device=device) for lengths in (pack.torso, pack.head))
        matrices = torch.as_tensor(np.asarray(pack.image_to_crop), dtype=torch.float32, device=device)
        self.image_to_crop = torch.cat([matrices, torch.tensor([[[0.0, 0.0, 1.0]]], device=device).expand(len(matrices), 1, 3)], 1)

    def batch(self, index: Int64[Tensor, " B"], epoch: int, step: int) -> Batch:
        """These people, augmented; random as a function of (seed, epoch, step)."""
        index = index.to(self.device)
        matrix, mirrored = (part.to(self.device, non_blocking=True) for part in self._drawn(len(index), epoch, step))
        images = self._normalised(self._warped(self.crops[index], matrix), epoch, step)
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
            weight=torch.ones(len(index), device=self.device),
        )

    def _drawn(self, count: int, epoch: int, step: int) -> tuple[Float32[Tensor, "B 2 3"], Tensor]:
        """Matrices from crop to input, and who is mirrored."""
        options = self.augmentation
        rng = np.random.default_rng((self.seed, epoch, step))
        scale, turn, shift, mirrored = np.ones(count), np.zeros(count), np.zeros((count, 2)), np.zeros(count, bool)
        if options is not None:
            scale = np.exp(rng.uniform(-options.scale, options.scale, count))
            turn = np.clip(rng.normal(0, options.rotation / 2, count), -options.rotation, options.rotation) * (rng.random(count) < 0.6)
            shift = rng.uniform(-options.translation, options.translation, (count, 2)) * self.square
            mirrored = (rng.random(count) < options.flip) & self.mirrors
        grown = self.size[0] / (self.square * scale)
        cos, sin = np.cos(np.deg2rad(turn)) * grown, np.sin(np.deg2rad(turn)) * grown
        linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)
        to = np.array([(self.size[1] - 1) / 2, (self.size[0] - 1) / 2])
        offset = to - (linear @ (self.middle + shift)[..., None])[..., 0]
        matrix = np.concatenate([linear, offset[..., None]], -1)
        matrix[mirrored, 0] *= -1
        matrix[mirrored, 0, 2] += self.size[1] - 1
        return torch.as_tensor(matrix, dtype=torch.float32), torch.from_numpy(mirrored)

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

    def _normalised(self, images: Float[Tensor, "B 3 H W"], epoch: int, step: int) -> Float[Tensor, "B 3 H W"]:
        """Gains and shifts as `colours.py` draws them, then mean and deviation; channels last in memory."""
        share = 0.0 if self.augmentation is None else self.augmentation.colour
        rng = np.random.default_rng((self.seed, epoch, step, 1))
        gain = (1 + rng.uniform(-share, share, (len(images), 1))) * (1 + rng.uniform(-share / 2, share / 2, (len(images), 3)))
        shift = 128 - 128 * gain + rng.uniform(-share, share, (len(images), 1)) * 64
        factor, added = (torch.as_tensor(part[..., None, None], dtype=torch.float32, device=self.device) for part in (gain, shift))
        mean, deviation = (torch.tensor(part, device=self.device).view(1, 3, 1, 1) for part in (MEAN, DEVIATION))
        normal = ((images * factor + added).clamp(0, 255) / 255 - mean) / deviation
        return normal.contiguous(memory_format=torch.channels_last)
