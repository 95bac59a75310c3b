"""A whole source through a predictor: batch by batch, in order, with bounded memory, and one bad file never ends it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from glasspose.errors import ImageError, InputError
from glasspose.people import NOBODY, BoxFile, Detector, PersonBoxes, open_detector, read_boxes
from glasspose.prediction import Predictor, load
from glasspose.sources import Frame, open_source
from glasspose.structures import Image, Poses
from glasspose.tracking import Tracker

LOADERS = min(4, os.cpu_count() or 1)
"""Pictures that are decoded at the same time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What became of one frame: either poses or a problem."""

    frame: Frame
    image: Image | None = None
    poses: Poses | None = None
    problem: InputError | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """Where many people's boxes come from; without either, one person is sought in the whole picture."""

    boxes: BoxFile | None = None
    detector: Detector | None = None

    def of(self, frame: Frame, image: Image) -> PersonBoxes | None:
        """The boxes of one frame; None where one person is to be sought."""
        if self.boxes is not None:
            return self.boxes.people(frame.origin).within((image.shape[0], image.shape[1]))
        return None if self.detector is None else self.detector(image)


def predict(
    source: str | Path,
    weights: str | Path | None = None,
    *,
    boxes: str | Path | None = None,
    people: str | None = None,
    recursive: bool = False,
    device: str = "auto",
    batch: int = 16,
    engine: str = "auto",
    download: bool = False,
) -> Iterator[Answer]:
    """The poses of every picture of a source: an image, a folder, a pattern, a video or a camera. The same as the verb, without its files.

    `boxes` names a file of people's boxes, `people` a detector, whose weights are fetched only where `download`;
    without either one person is sought in each picture.
    """
    opened = open_source(source, recursive=recursive)
    predictor = load(weights, device=device, batch=batch, engine=engine, pictures=opened.count)
    return answers(predictor, opened.frames, where(boxes, people, predictor, download=download))


def where(boxes: str | Path | None, people: str | None, predictor: Predictor, *, download: bool = False) -> People:
    """Where the people are, from the names that a user gives. A detector's weights are fetched only where `download`."""
    detector = None if people is None else open_detector(people, str(predictor.device), download=download)
    return People(boxes=None if boxes is None else read_boxes(Path(boxes)), detector=detector)


def answers(predictor: Predictor, frames: Iterable[Frame], people: People = People(), tracker: Tracker | None = None) -> Iterator[Answer]:
    """One answer for each frame, in order. With a tracker, people keep their numbers and keypoints are smoothed over time.

    While the network looks at one batch, the next one is read; there are never more than two in memory.
    """
    remaining = iter(frames)
    with ThreadPoolExecutor(LOADERS, "loader") as loaders, ThreadPoolExecutor(1, "reader") as reader:
        ahead = reader.submit(_read, remaining, predictor.batch, loaders)
        while part := ahead.result():
            ahead = reader.submit(_read, remaining, predictor.batch, loaders)
            for answer in _predict(predictor, [_placed(answer, people) for answer in part]):
                if tracker is None or answer.poses is None or answer.frame.time is None:
                    yield answer
                else:
                    yield replace(answer, poses=tracker.update(answer.poses, answer.frame.time))


def _read(frames: Iterator[Frame], count: int, loaders: Executor) -> list[Answer]:
    """The next frames and their pixels. Only one thread walks the frames: a video is decoded as it is walked."""
    return list(loaders.map(_load, islice(frames, count)))


def _load(frame: Frame) -> Answer:
    try:
        return Answer(frame=frame, image=frame.load())
    except (ImageError, InputError) as problem:
        return Answer(frame=frame, problem=problem)


def _placed(answer: Answer, people: People) -> tuple[Answer, PersonBoxes | None]:
    if answer.image is None:
        return answer, None
    try:
        return answer, people.of(answer.frame, answer.image)
    except (ImageError, InputError) as problem:
        return Answer(frame=answer.frame, problem=problem), None


def _predict(predictor: Predictor, loaded: Sequence[tuple[Answer, PersonBoxes | None]]) -> list[Answer]:
    """Pictures with boxes in one go, those without in another; the order stays."""
    found: dict[int, Poses] = {}
    boxed = [i for i, (answer, boxes) in enumerate(loaded) if answer.image is not None and boxes is not None]
    whole = [i for i, (answer, boxes) in enumerate(loaded) if answer.image is not None and boxes is None]
    if boxed:
        own = [loaded[i][1] or NOBODY for i in boxed]
        poses = predictor.predict_batch(_images(loaded, boxed), [people.boxes for people in own])
        for i, each, people in zip(boxed, poses, own, strict=True):
            found[i] = replace(each, person_scores=people.scores * each.scores.mean(1)) if len(each) else each
    if whole:
        found |= dict(zip(whole, predictor.predict_batch(_images(loaded, whole)), strict=True))
    return [replace(answer, poses=found.get(i)) for i, (answer, _) in enumerate(loaded)]


def _images(loaded: Sequence[tuple[Answer, PersonBoxes | None]], places: Sequence[int]) -> list[Image]:
    return [image for i in places if (image := loaded[i][0].image) is not None]
