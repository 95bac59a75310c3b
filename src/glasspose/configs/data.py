"""The datasets that a recipe or `evaluate` can name. Nothing here imports torch."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from glasspose.configs.config import Config


class _Source(Config):
    split: str = "train"
    """Which part: a key of `splits.json`, or what fills {split} in the paths of COCO; `all` where there are no parts."""


class _Folder(_Source):
    root: Path
    """The folder that holds annotations and pictures."""


class Lspet(_Folder):
    """Leeds Sports Pose Extended (Johnson and Everingham, CVPR 2011), or LSP in the same layout: one person an image.

    `root` holds `joints.mat`, `images/` and, for splits, `splits.json`: {"train": [image numbers from 1], ...}.
    """

    kind: Literal["lspet"] = "lspet"


class Coco(_Folder):
    """COCO keypoints, or any file in its form with one's own keypoints."""

    kind: Literal["coco"] = "coco"
    annotations: str = "annotations/person_keypoints_{split}2017.json"
    images: str = "{split}2017"
    splits: str | None = None
    """A file in `root` ({"train": [image ids], ...}, as `glasspose data split` writes it) that chooses among the images; all where not given."""
    minimum_keypoints: Annotated[int, Field(ge=0)] = 1
    """People with fewer labelled keypoints are left out."""
    minimum_area: Annotated[float, Field(ge=0)] = 0.0
    """People with a smaller box, in square pixels, are left out."""
    crowds: bool = False
    """Keep groups that are labelled as one (iscrowd); evaluation of OKS needs them, training never does."""
    derive_head: bool = False
    """Add the keypoints neck and head_top, derived from eyes and shoulders (data/heads.py), to learn with other skeletons by name."""
    sigmas: tuple[float, ...] | None = None
    """OKS constants of one's own keypoints, one each."""


class DrawnPeople(_Source):
    """Made-up figures with exact keypoints (LSP-14), drawn on made-up backgrounds: for tests and for a machine without data.

    The same seed draws different people for every split.
    """

    kind: Literal["drawn_people"] = "drawn_people"
    count: Annotated[int, Field(ge=1)] = 64
    seed: int = 0
    size: tuple[int, int] = (160, 160)
    """(height, width) of the pictures."""
    folder: Path | None = None
    """Where the pictures are kept; a folder in the system's cache where not given."""


Data = Annotated[Lspet | Coco | DrawnPeople, Field(discriminator="kind")]
