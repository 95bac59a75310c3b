"""Training samples of 256 pixels with 16 targets: from JPEG files, and from a pack."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from glasspose.benchmarks.inputs import photographed
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.peer_samples import SIDE, SIGMA, one_map, sampler, two_maps
from glasspose.benchmarks.rounds import Row, in_turns, ratio
from glasspose.codecs.heatmap import HeatmapCodec
from glasspose.configs.augmentation import Augmentation
from glasspose.configs.codecs import Heatmap
from glasspose.data.loading import PackedPeople, PicturedPeople, collate
from glasspose.data.packing import Pack, pack, packable
from glasspose.skeletons import Skeleton
from glasspose.structures import Dataset

ALIKE = Augmentation(wide=0, close=0, cut=0, occlusion=0, grey=0, blur=0, translation=0, colour=0.2)
"""What the plain ways do too: turn, scale, mirror, gains of the channels."""
PLAIN = {"whole JPEG, one affine map": one_map, "whole JPEG, resized in 64 bits, then an affine map": two_maps}
BATCH = 32


def from_jpeg(options: Options) -> list[Row]:
    """Decoding, affine map, mirror, colours, targets."""
    return _compared(options, "samples", {PLAIN_ONE: None, PLAIN_TWO: 2.0}, packed=False)


def from_pack(options: Options) -> list[Row]:
    """The same from crops that were cut out once."""
    return _compared(options, "packed", {PLAIN_ONE: 7.0, PLAIN_TWO: None}, packed=True)


PLAIN_ONE, PLAIN_TWO = PLAIN


def _compared(options: Options, name: str, goals: dict[str, float | None], *, packed: bool) -> list[Row]:
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        for kind, dataset in photographed(options.some(64, 8), Path(folder)).items():
            people, skeleton = packable(dataset), dataset.skeleton
            samples = _packed(dataset, Path(folder) / str(len(rows))) if packed else PicturedPeople(people, skeleton, (SIDE, SIDE), ALIKE)
            ways: dict[str, Callable[[], object]] = {plain: sampler(people, skeleton, cut) for plain, cut in PLAIN.items()}
            seconds = in_turns(ways | {"ours": pass_over(samples, skeleton)}, options.turns(9), options.clock)
            for plain, goal in goals.items():
                described = f"{plain}, targets keypoint by keypoint; {kind}"
                rows.append(Row(name=name, baseline=described, ratio=ratio(seconds, plain, "ours"), goal=goal, more={"people": len(people)}))
    return rows


def _packed(dataset: Dataset, folder: Path) -> PackedPeople:
    from glasspose.configs.training import Packing

    made: Pack = pack(dataset, folder, Packing(size=SIDE))
    return PackedPeople([made], (SIDE, SIDE), ALIKE)


def pass_over(samples: PackedPeople | PicturedPeople, skeleton: Skeleton) -> Callable[[], Sequence[tuple[Tensor, Tensor]]]:
    """Everybody once, in batches as training takes them, with the targets that the loss computes."""
    codec = HeatmapCodec(Heatmap(sigma=SIGMA), len(skeleton), (SIDE, SIDE))

    @torch.no_grad()
    def work() -> list[tuple[Tensor, Tensor]]:
        batches = []
        for start in range(0, len(samples), BATCH):
            batch = collate([samples[0, i] for i in range(start, min(start + BATCH, len(samples)))])
            batches.append((batch.images, codec.encode(batch.keypoints, batch.labelled)))
        return batches

    return work
