"""The h5 files of labels that came with the hourglass release (Newell et al., ECCV 2016), for MPII and FLIC.

h5py runs on a C library that was not made for hostile files: sizes and types are held against limits before anything is read, and links
to other files are not followed.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Int64

from glasspose.data.choosing import stays_inside
from glasspose.data.faults import Survey, refuse
from glasspose.errors import AnnotationError

MOST_PEOPLE = 1_000_000
LARGEST_FILE = 1 << 30


@dataclass(frozen=True, kw_only=True, eq=False)
class HourglassLabels:
    """n people, as they stand in the file."""

    images: list[str]
    keypoints: Float[np.ndarray, "n K 2"]
    visible: Float[np.ndarray, "n K"]
    centres: Float[np.ndarray, "n 2"]
    scales: Float[np.ndarray, " n"]
    lengths: Float[np.ndarray, " n"]
    """`normalize`: the reference length in pixels."""
    image_numbers: Int64[np.ndarray, " n"]
    person_numbers: Int64[np.ndarray, " n"]


RULES = {"part": "keypoints", "visible": "keypoints", "center": "place", "scale": "scale", "normalize": "head-length"}
"""What an unusable number of each array breaks; of the others, the person's number."""


def read_hourglass_labels(path: Path, keypoints: int) -> HourglassLabels:
    """The people of one file. AnnotationError where it is missing, damaged, too large, or has another number of keypoints, or anybody is unusable."""
    found, survey = survey_hourglass_labels(path, keypoints)
    refuse(path, survey.faults)
    return found


def survey_hourglass_labels(path: Path, keypoints: int) -> tuple[HourglassLabels, Survey]:
    """Everybody, with zeros where a number cannot be used, and what is wrong. AnnotationError where the file as a whole is unusable."""
    if not path.is_file():
        raise AnnotationError(f"{path} is not there", "Name the folder with --data.root and the file in it with --data.labels")
    if path.stat().st_size > LARGEST_FILE:
        raise AnnotationError(f"{path} is larger than {LARGEST_FILE >> 30} GiB", "Labels of the hourglass release have a few MiB")
    try:
        with h5py.File(path, "r") as file:
            count = _count(file)
            read = {
                name: _numbers(file, name, (count, *rest))
                for name, rest in {
                    "part": (keypoints, 2),
                    "visible": (keypoints,),
                    "center": (2,),
                    "scale": (),
                    "normalize": (),
                    "index": (),
                    "person": (),
                }.items()
            }
            images = _names(file, count)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, OverflowError, MemoryError) as problem:
        what = f"{path} is not an h5 file of the hourglass release with {keypoints} keypoints ({problem!s:.80})"
        raise AnnotationError(" ".join(what.split()), "Fetch it again") from None
    survey = Survey([f"person {number} of the file" for number in range(1, count + 1)])
    read = {name: survey.finite(values, RULES.get(name, "annotation-id"), name) for name, values in read.items()}
    survey.flags(read["visible"], "visible")
    survey.scales(read["scale"], "scale")
    survey.error([not stays_inside(name) for name in images], "picture-name", "its picture is not a file name inside images/")
    survey.different(list(zip(read["index"].tolist(), read["person"].tolist(), strict=True)))
    labels = HourglassLabels(
        images=images,
        keypoints=read["part"],
        visible=read["visible"],
        centres=read["center"],
        scales=read["scale"],
        lengths=read["normalize"],
        image_numbers=read["index"].astype(np.int64),
        person_numbers=read["person"].astype(np.int64),
    )
    return labels, survey


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Only what lies in this very file, as it is."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise KeyError(f"{name} is missing or a link")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} is no plain array")
    return dataset


def _count(file: h5py.File) -> int:
    shape: tuple[int, ...] = tuple(_dataset(file, "part").shape or ())
    if len(shape) != 3 or shape[0] > MOST_PEOPLE:
        raise ValueError(f"part of shape {shape}")
    return int(shape[0])


def _numbers(file: h5py.File, name: str, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    dataset = _dataset(file, name)
    if dataset.shape != shape or dataset.dtype.kind not in "iuf" or dataset.dtype.itemsize > 8:
        raise ValueError(f"{name} of shape {dataset.shape}, {dataset.dtype}")
    return np.asarray(dataset[()], np.float64)


def _names(file: h5py.File, count: int) -> list[str]:
    """Texts, or rows of letter codes filled up with zeros as in the first release."""
    dataset = _dataset(file, "imgname")
    kind, size, shape = dataset.dtype.kind, dataset.dtype.itemsize, tuple(dataset.shape or ())
    if kind == "S" and shape == (count,) and 0 < size <= 256:
        letters = np.asarray(dataset[()])
    elif kind in "iuf" and len(shape) == 2 and shape[0] == count and 0 < shape[1] <= 256:
        codes = np.clip(np.nan_to_num(np.asarray(dataset[()], np.float64)), 0, 255).astype(np.uint8)
        letters = np.ascontiguousarray(codes).view(f"S{codes.shape[1]}")[:, 0]
    else:
        raise ValueError(f"imgname of shape {shape}, {dataset.dtype}")
    return [name.decode("utf-8", "replace") for name in letters.tolist()]
