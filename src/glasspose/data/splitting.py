"""Splits by image (by person only where that is asked for); pictures that nearly equal each other stay on one side."""

import json
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Int, UInt64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from glasspose.errors import UsageError
from glasspose.files import write_atomically
from glasspose.images import load_image
from glasspose.structures import Annotation, Dataset, Image

DISTANCE = 24
"""Bits of 256 by which the hashes of near-duplicates may differ."""
BLOCK = 256


def split(dataset: Dataset, fractions: Mapping[str, float], seed: int = 0) -> dict[str, list[int]]:
    """Image ids by split, about `fractions` of the images each; the same seed gives the same splits. UsageError where that is not possible."""
    if len(fractions) < 2 or min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-6:
        raise UsageError(f"fractions {dict(fractions)} do not divide a dataset", "Name two or more splits with positive fractions that sum to 1")
    units = [sorted({person.image_id for person in people}) for people in _units(dataset).values()]
    places = _allocate([len(unit) for unit in units], list(fractions.values()), seed)
    return {name: sorted(i for unit, place in zip(units, places, strict=True) if place == n for i in unit) for n, name in enumerate(fractions)}


def hold_out(dataset: Dataset, people: int, by: Literal["image", "person"] = "image", seed: int = 0) -> dict[str, list[int]]:
    """About so many people by chance as `test`, the rest as `train`.

    By image these are image ids, and the people of an image (and of its near-duplicates) stay together, so that the number is met as closely
    as that allows without going beyond it. By person these are person ids, and the number is exact: people of one photograph are then on
    both sides. UsageError where one side would be empty.
    """
    units = [[person] for person in dataset.annotations] if by == "person" else list(_units(dataset).values())
    parts: dict[str, list[int]] = {"train": [], "test": []}
    held = 0
    for place in np.random.default_rng(seed).permutation(len(units)).tolist():
        out = held + len(units[place]) <= people
        held += len(units[place]) if out else 0
        parts["test" if out else "train"] += [person.person_id if by == "person" else person.image_id for person in units[place]]
    if not all(parts.values()):
        remedy = "Hold out more than none and fewer than all"
        raise UsageError(f"{people} of {len(dataset)} people in {len(units)} independent parts cannot be held out", remedy)
    return {name: sorted(set(ids)) for name, ids in parts.items()}


def shared_images(dataset: Dataset, parts: Mapping[str, Sequence[int]]) -> int:
    """How many pictures have people in several parts, whose numbers are those of people."""
    side = {number: name for name, numbers in parts.items() for number in numbers}
    sides: dict[int, set[str]] = defaultdict(set)
    for person in dataset.annotations:
        sides[person.image_id].add(side[person.person_id])
    return sum(len(names) > 1 for names in sides.values())


def folds(dataset: Dataset, k: int, seed: int = 0) -> list[list[int]]:
    """The dataset's indices in k parts of about as many people, for predictions about people whom the network has not seen."""
    numbers = {id(person): i for i, person in enumerate(dataset.annotations)}
    units = [[numbers[id(person)] for person in people] for people in _units(dataset).values()]
    if k < 2:
        raise UsageError(f"{k} folds leave nothing to predict", "Ask for two or more")
    places = _allocate([len(unit) for unit in units], [1 / k] * k, seed)
    return [sorted(i for unit, place in zip(units, places, strict=True) if place == n for i in unit) for n in range(k)]


def write_splits(path: Path, splits: Mapping[str, Sequence[int]], by: Literal["image", "person"] = "image") -> None:
    """`splits.json`, as the readers take it: {name: [image ids]}, or person ids with "by": "person". InputError where the disk refuses."""
    unit = {"by": by} if by == "person" else {}
    write_atomically(path, json.dumps(unit | {name: list(ids) for name, ids in splits.items()}).encode())


def group_duplicates(dataset: Dataset, distance: int = DISTANCE) -> Dataset:
    """The same people with `group` set where pictures are near-duplicates. ImageError where a picture cannot be read."""
    paths = sorted({person.image for person in dataset.annotations})
    with ThreadPoolExecutor() as pool:
        hashes = list(pool.map(lambda path: difference_hash(load_image(path)), paths))
    groups = near_duplicates(np.array(hashes, np.uint64).reshape(-1, 4), distance)
    several = np.bincount(groups, minlength=1) > 1
    number = {path: int(group) if several[group] else None for path, group in zip(paths, groups, strict=True)}
    people: list[Annotation] = [replace(person, group=number[person.image]) for person in dataset.annotations]
    return replace(dataset, annotations=people)


def difference_hash(image: Image) -> UInt64[np.ndarray, "4"]:
    """256 bits: where brightness rises to the right on a grid of 16 by 17. Scale, compression and exposure hardly change it."""
    grid = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (17, 16), interpolation=cv2.INTER_AREA)
    return np.packbits(grid[:, 1:] > grid[:, :-1]).view(np.uint64)


def near_duplicates(hashes: UInt64[np.ndarray, "n 4"], distance: int = DISTANCE) -> Int[np.ndarray, " n"]:
    """A group number for every hash: those within `distance` bits are in one group, and so are the neighbours of neighbours."""
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(hashes), BLOCK):
        block = hashes[start : start + BLOCK]
        near = np.argwhere(np.bitwise_count(block[:, None, 0] ^ hashes[None, :, 0]) <= distance)  # a quarter of the bits rules most pairs out
        near = near[np.bitwise_count(block[near[:, 0]] ^ hashes[near[:, 1]]).sum(1, dtype=int) <= distance]
        rows.append(near[:, 0] + start)
        columns.append(near[:, 1])
    row, column = np.concatenate(rows), np.concatenate(columns)
    links = coo_array((np.ones(len(row), bool), (row, column)), shape=(len(hashes), len(hashes)))
    groups: np.ndarray = connected_components(links, directed=False)[1]
    return groups


def _units(dataset: Dataset) -> Mapping[Hashable, list[Annotation]]:
    """What must stay together: the people of an image, and of its near-duplicates. In the order of image ids."""
    units: dict[Hashable, list[Annotation]] = defaultdict(list)
    for person in sorted(dataset.annotations, key=lambda person: person.image_id):
        units[("image", person.image_id) if person.group is None else ("group", person.group)].append(person)
    return units


def _allocate(weights: Sequence[int], shares: Sequence[float], seed: int) -> list[int]:
    """A share's number for every unit: in random order, the heaviest first, each goes to the share that lacks most."""
    if len(weights) < len(shares):
        raise UsageError(f"{len(weights)} independent images cannot be divided into {len(shares)} parts", "Ask for fewer parts")
    order = np.random.default_rng(seed).permutation(len(weights))
    lacking = np.array(shares) * sum(weights)
    places = [0] * len(weights)
    for unit in order[np.argsort(-np.array(weights)[order], kind="stable")].tolist():
        place = int(lacking.argmax())
        places[unit], lacking[place] = place, lacking[place] - weights[unit]
    return places
