"""The datasets that a recipe or `evaluate` can name. Nothing here imports torch."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from glasspose.configs.config import Config


class _Source(Config):
    skeleton: Literal["labelled", "head_box"] = "labelled"
    """What is to be found: the keypoints as they are labelled, or two corners of the head's box (data/head_boxes.py)."""
    split: str = "train"
    """Which part: a key of `splits.json`, or what fills {split} in the paths of COCO; `all` where there are no parts."""
    leave_out: Path | None = None
    """A list of people (JSON, data/lists.py) who are not read. It never reaches the people whom a recipe validates on."""


class _Folder(_Source):
    root: Path
    """The folder that holds annotations and pictures."""


class Lsp(_Folder):
    """Leeds Sports Pose (Johnson and Everingham, BMVC 2010): 2,000 images of one person each, the first 1,000 for training.

    `root` holds `joints.mat` and `images/`. Without a `splits.json`, the splits are `train` and `test` as published, and `all`.
    """

    kind: Literal["lsp"] = "lsp"


class Lspet(_Folder):
    """Leeds Sports Pose Extended (Johnson and Everingham, CVPR 2011): one person an image.

    `root` holds `joints.mat`, `images/` and, for splits, `splits.json`: {"train": [image numbers from 1], ...}.
    """

    kind: Literal["lspet"] = "lspet"


class Filtered(_Folder):
    """What several kinds let one choose."""

    splits: str | None = None
    """A file in `root` ({"train": [image ids], ...}, as `glasspose data split` writes it) that chooses among the images; all where not given."""
    minimum_keypoints: Annotated[int, Field(ge=0)] = 1
    """People with fewer labelled keypoints are left out."""
    minimum_area: Annotated[float, Field(ge=0)] = 0.0
    """People with a smaller box, in square pixels, are left out."""
    single_person: bool = False
    """Only people who are alone in their picture, counting those whom the other options leave out."""
    shift: Annotated[float, Field(ge=-16, le=16)] = 0.0
    """Pixels by which labels are moved right and down against their pictures, to measure a mistake: -1 on COCO takes off the 1 that its
    coordinates do not have (the thesis), 1 on MPII leaves on the 1 that its coordinates have (several repositories)."""


class Coco(Filtered):
    """COCO keypoints, or any file in its form with one's own keypoints."""

    kind: Literal["coco"] = "coco"
    annotations: str = "annotations/person_keypoints_{split}2017.json"
    images: str = "{split}2017"
    crowds: bool = False
    """Keep groups that are labelled as one (iscrowd); evaluation of OKS needs them, training never does."""
    derive_head: bool = False
    """Add the keypoints neck and head_top, derived from eyes and shoulders (data/heads.py), to learn with other skeletons by name."""
    sigmas: tuple[float, ...] | None = None
    """OKS constants of one's own keypoints, one each."""
    torso: tuple[str, str] | None = None
    """Two of one's own keypoints, by name, whose distance is the unit of PCK; right_hip and left_shoulder where not given."""


class _Labelled(Filtered):
    labels: str | None = None
    """The file of labels in `root`, {split} filled in; the kind's own name where not given."""


class CocoLabels(_Labelled):
    """Labels of COCO without pictures, to count and to measure with: a .npz with `image_id`, `is_val`, `bbox_cxcywh` and `keypoints`.

    The file is all_keypoint_labels_2017.npz; its positions are shares of the picture's width and height. Splits are `train`, `val`, `all`.
    """

    kind: Literal["coco_labels"] = "coco_labels"
    nominal: tuple[int, int] = (480, 640)
    """(height, width) that every picture is taken to have: pixels, lengths and areas are therefore only about right."""


class Mpii(_Labelled):
    """MPII Human Pose (Andriluka et al., CVPR 2014) in any of its forms, which is told from the file's content.

    The json of the community's tools (mpii_annotations.json.gz, or plain), that of HRNet and MMPose, the h5 of the hourglass release, or
    the official .mat. Splits are `train` and `val` of Tompson et al. (CVPR 2015), and `all`; an h5 or an HRNet json holds one part, so put
    {split} into `labels`, or use `all`. Pictures are in `images/`, and only needed where they are looked at. A valid.h5 in `root` tells the
    head sizes that the json lacks, and the validation people whom the .mat does not name.
    """

    kind: Literal["mpii"] = "mpii"
    subset: Literal["16", "14"] = "16"
    """14: the keypoints of LSP, in its order: without pelvis and thorax, and with upper_neck as neck."""


class Flic(_Labelled):
    """Frames Labeled In Cinema (Sapp and Taskar, CVPR 2013): upper bodies with 11 keypoints, from {split}.h5 of the hourglass release.

    Its splits are `train` and `valid`. Pictures are in `images/`, and only needed where they are looked at.
    """

    kind: Literal["flic"] = "flic"


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


def described(data: "Data") -> dict[str, Any]:
    """A configuration as plain data without its place on the disk: what two evaluations have in common. A list is told by its content.

    A shift of 0 is not told, as in evaluations made before there was one.
    """
    found = data.model_dump(mode="json", exclude={"root", "folder", "leave_out"})
    if found.get("shift") == 0:
        del found["shift"]
    if data.leave_out is None:
        return found
    digest = hashlib.sha256(data.leave_out.read_bytes()).hexdigest() if data.leave_out.is_file() else ""
    return {**found, "leave_out": digest}


Data = Annotated[Lsp | Lspet | Coco | CocoLabels | Mpii | Flic | DrawnPeople, Field(discriminator="kind")]
