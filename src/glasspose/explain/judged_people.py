"""Who judges labels: a network that did not learn from them, or the networks of `train --folds`, each asked only about what it never saw."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.configs.framing import Framing
from glasspose.data import as_skeleton
from glasspose.data.framing import shown
from glasspose.errors import InputError, UsageError
from glasspose.explain.opinions import opinions
from glasspose.explain.sample import sample_of
from glasspose.explain.subject import Progress, Subject, silent, subject
from glasspose.explain.suspicion import Claims
from glasspose.geometry import crop_matrix, invert
from glasspose.network import PoseNetwork
from glasspose.skeletons import Skeleton, skeleton_from_json
from glasspose.structures import Annotation, Dataset

LARGEST_FILE = 2_000_000_000
PREDICTIONS = "out_of_fold.json"


class Judges(ABC):
    """Somebody who has an opinion of people."""

    name: str
    sha256: str
    skeleton: Skeleton
    out_of_sample: bool | None
    """None: nobody knows what the network learnt from."""
    why: str

    @abstractmethod
    def claims(self, people: Sequence[Annotation], progress: Progress = silent) -> Claims:
        """Labels beside answers. Planted people keep their numbers, so that they are found again."""

    def to_image(self, people: Sequence[Annotation]) -> Float[np.ndarray, "N 2 3"]:
        """From the pixels of the claims to image pixels."""
        return np.tile(np.eye(2, 3), (len(people), 1, 1))

    def fitting(self, dataset: Dataset) -> Dataset:
        """With the judge's skeleton."""
        return as_skeleton(dataset, self.skeleton)

    def data_sha256(self, people: Sequence[Annotation]) -> str:
        """Of the labels and of the pictures' names."""
        digest = hashlib.sha256()
        for person in people:
            digest.update(f"{Path(person.image).name} {person.person_id}".encode())
            digest.update(np.where(person.labelled[:, None], person.keypoints, 0).tobytes() + person.labelled.tobytes())
        return digest.hexdigest()


class OneNetwork(Judges):
    """Weights whose card says what they learnt from."""

    def __init__(self, asked: Subject, dataset: Dataset) -> None:
        self.asked, self.skeleton = asked, asked.skeleton
        self.name, self.sha256 = str(asked.card["name"]), str(asked.card["sha256"])
        self.out_of_sample, self.why = learnt_from(asked.trained_on, dataset.name)

    def claims(self, people: Sequence[Annotation], progress: Progress = silent) -> Claims:
        """Two forward passes a person; input pixels."""
        sample = sample_of(people, self.skeleton, self.asked.size, "people")
        told = opinions(self.asked, sample, progress)
        return Claims(
            skeleton=self.skeleton,
            keypoints=told.both.keypoints,
            scores=told.both.scores,
            truth=sample.keypoints,
            labelled=sample.labelled,
            maps=told.maps,
            stride=self.asked.size[1] / told.maps.shape[3],
            features=told.features,
        )

    def to_image(self, people: Sequence[Annotation]) -> Float[np.ndarray, "N 2 3"]:
        """Back from each person's crop."""
        return np.stack([invert(crop_matrix(shown(person, Framing(), self.asked.size), self.asked.size)) for person in people])


class Folds(Judges):
    """What `train --folds` left: everybody's answer by a network that never saw him."""

    out_of_sample = True

    def __init__(self, path: Path) -> None:
        content = _read(path)
        try:
            self.skeleton = skeleton_from_json(content["skeleton"])
            self.answers = {(int(p["image_id"]), int(p["person_id"])): _answer(p, len(self.skeleton)) for p in content["people"]}
            count = int(content["folds"])
        except (KeyError, TypeError, ValueError) as problem:
            raise InputError(f"{path} is malformed ({type(problem).__name__} at {problem})", "Run `glasspose train --folds` again") from None
        self.name, self.sha256 = f"{path.parent.name} ({count} folds)", hashlib.sha256(path.read_bytes()).hexdigest()
        self.why = f"each of {count} networks judges the fold that it never saw"

    def claims(self, people: Sequence[Annotation], progress: Progress = silent) -> Claims:
        """Looked up; image pixels. UsageError where somebody was in no fold."""
        missing = sum((person.image_id, person.person_id) not in self.answers for person in people)
        if missing:
            raise UsageError(f"{missing} of {len(people)} people have no out-of-fold answer", "Name the data that the folds were trained on")
        told = np.stack([self.answers[person.image_id, person.person_id] for person in people])
        progress(len(people), len(people))
        return Claims(
            skeleton=self.skeleton,
            keypoints=told[..., :2],
            scores=told[..., 2],
            truth=np.stack([person.keypoints for person in people]),
            labelled=np.stack([person.labelled for person in people]),
        )


def judges_of(weights: str | Path | PoseNetwork, dataset: Dataset) -> Judges:
    """Weights by name or file, a network at hand, or the folder of `train --folds`."""
    if not isinstance(weights, PoseNetwork) and Path(weights).is_dir():
        path = Path(weights) / PREDICTIONS
        if not path.is_file():
            raise UsageError(f"{weights} holds no {PREDICTIONS}", "Name a folder that `glasspose train --folds` has written, or weights")
        return Folds(path)
    return OneNetwork(subject(weights), dataset)


def learnt_from(trained_on: Sequence[str], name: str) -> tuple[bool | None, str]:
    """Whether a network that learnt from these datasets is out of sample on this one, and why."""
    if not trained_on:
        return None, "the card does not say what the network learnt from: make sure that it was other people"
    kind, _, split = name.partition("/")
    for known in trained_on:
        other, _, part = known.split(" ")[0].partition("/")
        if other == kind and (part == split or "all" in (part, split) or not part):
            return False, f"the card says that the network learnt from {known}: judge {name} by `train --folds`"
    return True, f"the card names {', '.join(trained_on)}, and {name} is none of them"


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} is larger than {LARGEST_FILE // 10**9} GB", "Is it what `train --folds` has written?")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise InputError(f"{path} is not JSON", "Run `glasspose train --folds` again") from None
    if not isinstance(content, dict) or content.get("format") != "glasspose.out_of_fold" or content.get("version") != 1:
        raise InputError(f"{path} holds no out-of-fold predictions, version 1", "Name a folder that `glasspose train --folds` has written")
    return content


def _answer(person: dict[str, Any], count: int) -> np.ndarray:
    """(K, 3): x, y, score. ValueError where it is of another shape or not finite."""
    told = np.column_stack([np.asarray(person["keypoints"], np.float64).reshape(count, 2), np.asarray(person["scores"], np.float64).reshape(count)])
    if not np.isfinite(told).all():
        raise ValueError("numbers that are not finite")
    return told
