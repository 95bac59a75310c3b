"""What the benchmarks work on: photographs where GLASSPOSE_DATA names them, people drawn to order elsewhere. The result says which."""

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from glasspose.configs.data import Coco, DrawnPeople, Mpii
from glasspose.data import as_skeleton, read
from glasspose.data.packing import packable
from glasspose.errors import MissingError
from glasspose.files import write_atomically
from glasspose.images import image_size, load_image
from glasspose.skeletons import MPII
from glasspose.structures import Annotation, Dataset


def data_root() -> Path | None:
    """The folder of photographs."""
    named = os.environ.get("GLASSPOSE_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def needed_root(what: str) -> Path:
    """The same, where nothing else will do. MissingError."""
    root = data_root()
    if root is None:
        raise MissingError(f"GLASSPOSE_DATA does not name a folder with {what}", "Fetch it with `glasspose data download` and set GLASSPOSE_DATA")
    return root


def photographed(count: int, folder: Path) -> dict[str, Dataset]:
    """People of MPII's 16 keypoints in JPEGs, by the kind of picture."""
    root = data_root()
    if root is None:
        drawn = as_skeleton(read(DrawnPeople(count=count, size=(480, 640), folder=folder / "png")), MPII)
        return {"drawn people, 640 x 480": replace(drawn, annotations=[_as_jpeg(person, folder) for person in drawn.annotations])}
    coco = as_skeleton(read(Coco(root=root / "coco", split="val")), MPII)
    usual = [person for person in packable(coco) if max(image_size(person.image)) == 640]
    mpii = read(Mpii(root=root / "mpii", split="all", labels="mpii_five_images.json"))
    return {
        "COCO's photographs, 640 pixels": replace(coco, annotations=usual[:count]),
        "MPII's photographs, 1280 x 720": replace(mpii, annotations=packable(mpii)[:count]),
    }


def _as_jpeg(person: Annotation, folder: Path) -> Annotation:
    path = folder / f"{person.image.stem}.jpg"
    if not path.exists():
        rng = np.random.default_rng(person.person_id)
        image = np.clip(load_image(person.image) + rng.normal(0, 6, (480, 640, 1)), 0, 255).astype(np.uint8)  # grain, else it compresses too well
        write_atomically(path, cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return replace(person, image=path)


def jpegs(count: int, folder: Path) -> list[Path]:
    """Up to so many JPEG files."""
    root = data_root()
    if root is not None:
        return sorted((root / "lspet/images").glob("*.jpg"))[:count]
    return [person.image for person in photographed(min(count, 32), folder)["drawn people, 640 x 480"].annotations]
