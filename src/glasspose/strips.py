"""What a network becomes while it learns: the same pictures through the weights of several epochs, side by side."""

import re
from collections.abc import Sequence
from pathlib import Path

from glasspose.drawing import contact_sheet, draw_poses
from glasspose.errors import InputError
from glasspose.prediction import Predictor, load
from glasspose.structures import Image

MOST = 200
"""Pictures in one sheet."""


def strip(pictures: Sequence[Image], names: Sequence[str], snapshots: Path, *, device: str = "auto", flip_test: bool = True) -> Image:
    """A row for each picture, a column for each weight file of a folder, in the order of their names.

    Every network is shown the whole picture once, so that a column differs from the next by its weights alone. InputError where the folder
    holds no weights or there are too many pictures.
    """
    weights = sorted(snapshots.glob("*.safetensors"))
    if not weights:
        raise InputError(f"{snapshots} holds no weights", "Train with --snapshots 10 --snapshots 40, and name the folder snapshots of the run")
    if len(pictures) > MOST:
        raise InputError(f"{len(pictures)} pictures are too many for one sheet", f"Name {MOST} at most")
    columns = [[*pictures], *(_column(load(path, device=device, flip_test=flip_test), pictures) for path in weights)]
    captions = [names, *([re.sub(r"^epoch0*", "epoch ", path.stem)] * len(pictures) for path in weights)]
    cells = [column[row] for row in range(len(pictures)) for column in columns]
    return contact_sheet(cells, [column[row] for row in range(len(pictures)) for column in captions], len(columns))


def _column(predictor: Predictor, pictures: Sequence[Image]) -> list[Image]:
    return [draw_poses(image, predictor.predict(image, [[0.0, 0.0, image.shape[1], image.shape[0]]])) for image in pictures]
