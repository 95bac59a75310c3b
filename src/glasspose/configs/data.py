"""The datasets that a recipe or `evaluate` can name. Nothing here imports torch."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from glasspose.configs.base import Config


class Lspet(Config):
    """Leeds Sports Pose Extended (Johnson and Everingham, CVPR 2011), or LSP in the same layout: one person an image."""

    kind: Literal["lspet"] = "lspet"
    root: Path
    """The folder with `joints.mat`, `images/` and, for splits, `splits.json` ({"train": [image numbers from 1], ...})."""
    split: str = "train"
    """A key of `splits.json`, or `all`."""


class Coco(Config):
    """COCO keypoints, or any file in its form with one's own keypoints."""

    kind: Literal["coco"] = "coco"
    root: Path
    """The folder that `annotations` and `images` are in."""
    split: str = "train"
    """Fills {split} in the two paths below."""
    annotations: str = "annotations/person_keypoints_{split}2017.json"
    images: str = "{split}2017"
    minimum_keypoints: Annotated[int, Field(ge=0)] = 1
    """People with fewer labelled keypoints are left out."""
    minimum_area: Annotated[float, Field(ge=0)] = 0.0
    """People with a smaller box, in square pixels, are left out."""
    crowds: bool = False
    """Keep groups that are labelled as one (iscrowd); evaluation of OKS needs them, training never does."""
    sigmas: tuple[float, ...] | None = None
    """OKS constants of one's own keypoints, one each."""


class DrawnPeople(Config):
    """Made-up figures with exact keypoints (LSP-14), drawn on made-up backgrounds: for tests and for a machine without data."""

    kind: Literal["drawn_people"] = "drawn_people"
    count: Annotated[int, Field(ge=1)] = 64
    seed: int = 0
    split: str = "train"
    """The same seed draws different people for every split."""
    size: tuple[int, int] = (160, 160)
    """(height, width) of the pictures."""
    root: Path | None = None
    """Where the pictures are kept; a folder in the system's cache where not given."""


Data = Annotated[Lspet | Coco | DrawnPeople, Field(discriminator="kind")]
