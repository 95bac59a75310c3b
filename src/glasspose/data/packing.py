"""People cut out of their pictures once, as uint8, and memory-mapped: decoding JPEGs is what training would otherwise wait for.

A pack is a folder: `crops.u8` (n, P, P, 3), `people.safetensors` (keypoints, flags, matrices) and `pack.json`, which is written last
and holds the SHA-256 of both. Packing goes on where it was broken off: `progress.json` counts the crops that are safely on disk.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from glasspose.configs.framing import MARGIN
from glasspose.configs.training import Packing
from glasspose.data.framing import framed, grown
from glasspose.errors import InputError
from glasspose.files import write_atomically
from glasspose.geometry import Matrix, crop_matrix, warp
from glasspose.images import load_image
from glasspose.skeletons import Skeleton, skeleton_from_json
from glasspose.structures import Annotation, Dataset, Image

CHUNK = 256
USUAL = Packing()
VERSION = 1
ARRAYS = ("keypoints", "labelled", "occluded", "boxes", "areas", "torso", "head", "image_ids", "person_ids", "image_to_crop", "image_sizes")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pack:
    """n packed people. `crops` is memory-mapped; the person's square is the middle `size` pixels of each crop."""

    name: str
    skeleton: Skeleton
    size: int
    crops: UInt8[np.ndarray, "n P P 3"]
    keypoints: Float[np.ndarray, "n K 2"]
    """Image pixels."""
    labelled: Bool[np.ndarray, "n K"]
    occluded: Bool[np.ndarray, "n K"]
    boxes: Float[np.ndarray, "n 4"]
    areas: Float[np.ndarray, " n"]
    torso: Float[np.ndarray, " n"]
    """Image pixels; 0 where the labels lack it."""
    head: Float[np.ndarray, " n"]
    image_ids: Int64[np.ndarray, " n"]
    person_ids: Int64[np.ndarray, " n"]
    image_to_crop: Float[np.ndarray, "n 2 3"]
    image_sizes: Int64[np.ndarray, "n 2"]
    """(height, width)."""

    def __len__(self) -> int:
        return len(self.crops)


def pack(dataset: Dataset, folder: Path, config: Packing, progress: Callable[[int, int], None] = lambda done, total: None) -> Pack:
    """Cut out everybody of a dataset into `folder`, or open it if that is already done. InputError where the folder holds another pack."""
    people = packable(dataset, config)
    plan = _plan(dataset, people, config)
    if (folder / "pack.json").exists():
        if _read_json(folder / "pack.json").get("plan") != plan:
            raise InputError(f"{folder} holds a pack of other data or of another size", "Name another folder, or delete this one")
        return open_pack(folder)
    folder.mkdir(parents=True, exist_ok=True)
    side = _side(config)
    done, found = _progress(folder, plan)
    with (folder / "crops.u8").open("r+b" if done else "wb") as crops:
        crops.truncate(done * side * side * 3)
        crops.seek(0, os.SEEK_END)
        for chunk in (people[i : i + CHUNK] for i in range(done, len(people), CHUNK)):
            for crop, matrix, size in cut_out(chunk, config):
                crops.write(crop.tobytes())
                found.append([*matrix.ravel().tolist(), *size])
            crops.flush()
            os.fsync(crops.fileno())
            write_atomically(folder / "progress.json", json.dumps({"plan": plan, "found": found}).encode())
            progress(len(found), len(people))
    arrays = save(_arrays(people, np.array(found, np.float64).reshape(-1, 8)))
    write_atomically(folder / "people.safetensors", arrays)
    sums = {"crops.u8": _sha256(folder / "crops.u8"), "people.safetensors": hashlib.sha256(arrays).hexdigest()}
    write_atomically(
        folder / "pack.json", json.dumps({"format": "glasspose.pack", "version": VERSION, "plan": plan, "sha256": sums}, indent=1).encode()
    )
    (folder / "progress.json").unlink(missing_ok=True)
    return open_pack(folder)


def pack_folder(packs: Path, dataset: Dataset, config: Packing) -> Path:
    """Where the pack of a dataset is kept: its name, and a short hash of its labels, of the size and of the framing."""
    plan = json.dumps(_plan(dataset, packable(dataset, config), config), sort_keys=True)
    return packs / f"{dataset.name.replace('/', '-')}-{hashlib.sha256(plan.encode()).hexdigest()[:8]}"


def packable(dataset: Dataset, config: Packing = USUAL) -> list[Annotation]:
    """The people that a pack holds, in its order: those with a labelled keypoint whom the framing can take, no crowds."""
    people = [person for person in dataset.annotations if person.labelled.any() and not person.crowd]
    return people if config.framing == "box" else [person for person in people if framed(person, config) is not None]


def open_pack(folder: Path, verify: bool = False) -> Pack:
    """Map a finished pack. InputError where it is incomplete or does not hold what it says; `verify` also reads every byte of the crops."""
    manifest = _read_json(folder / "pack.json")
    try:
        plan, sums = manifest["plan"], manifest["sha256"]
        content = (folder / "people.safetensors").read_bytes()
        side, count = int(plan["side"]), int(plan["people"])
        complete = (folder / "crops.u8").stat().st_size == count * side * side * 3 and hashlib.sha256(content).hexdigest() == sums[
            "people.safetensors"
        ]
        arrays = load_file(folder / "people.safetensors")
        skeleton = skeleton_from_json(plan["skeleton"])
    except (KeyError, TypeError, OSError, ValueError, SafetensorError) as problem:
        raise InputError(f"{folder} is not a pack ({type(problem).__name__})", "Delete it and run `glasspose data pack` again") from None
    if not complete or (verify and _sha256(folder / "crops.u8") != sums["crops.u8"]):
        raise InputError(f"{folder} is damaged: sizes or checksums differ", "Delete it and run `glasspose data pack` again")
    crops = np.memmap(folder / "crops.u8", np.uint8, "r", shape=(count, side, side, 3)) if count else np.zeros((0, side, side, 3), np.uint8)
    return Pack(name=str(plan["name"]), skeleton=skeleton, size=int(plan["size"]), crops=crops, **{key: arrays[key] for key in ARRAYS})


def _side(config: Packing) -> int:
    return 2 * round(config.size * config.context / 2)


def cut_out(people: list[Annotation], config: Packing) -> Iterator[tuple[Image, Matrix, tuple[int, int]]]:
    """For each of `packable` people the kept crop, the matrix from image to crop, and the picture's (height, width)."""
    side = _side(config)
    previous: tuple[Path, np.ndarray] | None = None  # people of one image follow each other
    for person in people:
        if previous is None or previous[0] != person.image:
            previous = (person.image, load_image(person.image))
        image = previous[1]
        box = framed(person, config)
        assert box is not None, "left out by packable"
        matrix = crop_matrix(grown(box, side / config.size), (side, side))
        yield warp(image, matrix, (side, side)), matrix, (image.shape[0], image.shape[1])


def _plan(dataset: Dataset, people: list[Annotation], config: Packing) -> dict[str, Any]:
    """What makes two packs the same: compared as a whole before one is reused."""
    labels = hashlib.sha256()
    for person in people:
        labels.update(f"{person.image.name} {person.person_id} {person.keypoints.tolist()} {person.labelled.tolist()} {person.box.tolist()}".encode())
    usual = config.framing == "box" and config.margin == MARGIN
    framing = {} if usual else {"framing": config.framing} | ({"margin": config.margin} if config.framing == "box" else {})
    return framing | {
        "name": dataset.name,
        "skeleton": dataset.skeleton.to_json(),
        "people": len(people),
        "size": config.size,
        "side": _side(config),
        "labels": labels.hexdigest(),
    }


def _progress(folder: Path, plan: dict[str, Any]) -> tuple[int, list[list[float]]]:
    """How many people an earlier, broken-off run has safely written, and their matrices."""
    if not (folder / "progress.json").exists() or not (folder / "crops.u8").exists():
        return 0, []
    state = _read_json(folder / "progress.json")
    found = state.get("found")
    if state.get("plan") != plan or not isinstance(found, list) or (folder / "crops.u8").stat().st_size < len(found) * plan["side"] ** 2 * 3:
        return 0, []
    return len(found), found


def _arrays(people: list[Annotation], found: Float[np.ndarray, "n 8"]) -> dict[str, np.ndarray]:
    count = len(people[0].labelled) if people else 0

    def stacked(values: list[Any], shape: tuple[int, ...], kind: type) -> np.ndarray:
        return np.array(values, kind).reshape(len(people), *shape)

    return {
        "keypoints": stacked([p.keypoints for p in people], (count, 2), np.float64),
        "labelled": stacked([p.labelled for p in people], (count,), np.bool_),
        "occluded": stacked([p.occluded for p in people], (count,), np.bool_),
        "boxes": stacked([p.box for p in people], (4,), np.float64),
        "areas": stacked([p.area for p in people], (), np.float64),
        "torso": stacked([p.torso or 0.0 for p in people], (), np.float64),
        "head": stacked([p.head or 0.0 for p in people], (), np.float64),
        "image_ids": stacked([p.image_id for p in people], (), np.int64),
        "person_ids": stacked([p.person_id for p in people], (), np.int64),
        "image_to_crop": np.ascontiguousarray(found[:, :6].reshape(-1, 2, 3)),
        "image_sizes": np.ascontiguousarray(found[:, 6:].astype(np.int64)),
    }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} is not there", "Make the pack with `glasspose data pack`") from None
    except (ValueError, RecursionError, OSError):
        raise InputError(f"{path} is not JSON", "Delete the folder and run `glasspose data pack` again") from None
    return content if isinstance(content, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
