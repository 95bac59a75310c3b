"""Boxes of people from a JSON file: COCO detection results, or `glasspose.boxes`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import FailFast, Field, TypeAdapter, ValidationError

from glasspose.errors import InputError
from glasspose.people.boxes import NOBODY, PersonBoxes

LARGEST_FILE = 1 << 30
PERSON = 1
"""COCO's category of people."""
FORMS = 'A box file is a list of COCO results [{"image_id", "category_id", "bbox", "score"}] or {"format": "glasspose.boxes", ...}: docs/people.md'

Number = Annotated[float, Field(allow_inf_nan=False)]
Length = Annotated[float, Field(allow_inf_nan=False, ge=0)]
Score = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxFile:
    """People by image: by its name, or by its COCO number."""

    path: Path
    by_name: Mapping[str, PersonBoxes]
    by_number: Mapping[int, PersonBoxes]

    def people(self, image: str | Path, image_id: int | None = None) -> PersonBoxes:
        """The people of an image, not yet clipped to it.

        Its COCO number, where the caller knows it, asks COCO results directly: no entry means nobody. Without it the name must lead to an
        entry, or to a number that the file mentions: InputError otherwise, because a misnamed image would pass for an empty one.
        """
        if image_id is not None and self.by_number:
            return self.by_number.get(image_id, NOBODY)
        if self.by_name:
            return self.by_name[self._key(PurePath(image))]
        digits = re.findall(r"\d+", PurePath(image).stem)
        if not digits or int(digits[-1]) not in self.by_number:
            raise InputError(f"{self.path} says nothing of image {image}", "Name the COCO file that numbers the images, or list it with no boxes")
        return self.by_number[int(digits[-1])]

    def _key(self, image: PurePath) -> str:
        """The longest name in the file that the image's path ends with; else the only one that ends with the image's path."""
        agreeing = [key for key in self._by_last_part.get(image.name, []) if _agree(PurePath(key).parts, image.parts)]
        ends = [key for key in agreeing if len(PurePath(key).parts) <= len(image.parts)]
        best = [max(ends, key=lambda key: len(PurePath(key).parts))] if ends else agreeing
        if len(best) == 1:
            return best[0]
        if best:
            raise InputError(f"{self.path}: image {image} may be {best[0]} or {best[1]}", "Give the images with their folders")
        raise InputError(f"{self.path} does not list image {image}", "Add it, with an empty list where nobody is in it")

    @cached_property
    def _by_last_part(self) -> Mapping[str, Sequence[str]]:
        index: dict[str, list[str]] = {}
        for key in self.by_name:
            index.setdefault(PurePath(key).name, []).append(key)
        return index


@dataclass(frozen=True, kw_only=True, slots=True)
class _Result:
    image_id: int
    category_id: int
    bbox: tuple[Number, Number, Length, Length]
    score: Score


@dataclass(frozen=True, kw_only=True, slots=True)
class _Person:
    box: tuple[Number, Number, Number, Number]
    score: Score = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Boxes:
    format: Literal["glasspose.boxes"]
    version: Literal[1]
    images: dict[str, list[_Person]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Named:
    id: int
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Numbered:
    id: int
    file_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Coco:
    images: Annotated[list[_Numbered], FailFast()]
    categories: list[_Named] = field(default_factory=list)


_RESULTS = TypeAdapter[list[_Result]](Annotated[list[_Result], FailFast()])
_BOXES = TypeAdapter(_Boxes)
_COCO = TypeAdapter(_Coco)


def read_boxes(path: Path, coco: Path | None = None) -> BoxFile:
    """A box file in either form. `coco` is the annotation file whose `images` (and category "person") the numbers of COCO results refer to.

    InputError where the file is missing, too large, malformed, or holds fractions of the image instead of pixels.
    """
    content = _content(path)
    if content.lstrip()[:1] == b"[":
        return _from_results(path, _parsed(path, content, _RESULTS), None if coco is None else _parsed(coco, _content(coco), _COCO))
    images: _Boxes = _parsed(path, content, _BOXES)
    by_name = {name: _people([p.box for p in people], [p.score for p in people]) for name, people in images.images.items()}
    for name, people in by_name.items():
        if (people.boxes[:, 2:] < people.boxes[:, :2]).any():
            raise InputError(f"{path}: image {name} has a box that ends before it begins", "Boxes are x1, y1, x2, y2 in pixels")
    _refuse_fractions(path, by_name.values())
    return BoxFile(path=path, by_name=by_name, by_number={})


def _from_results(path: Path, results: Sequence[_Result], coco: _Coco | None) -> BoxFile:
    """An image that has only entries of other categories is known, and empty."""
    person = _person_category(coco)
    if results and not any(result.category_id == person for result in results):
        raise InputError(f"{path} has no entry of category {person} (person)", "People are category_id 1 unless the COCO file names them otherwise")
    entries: dict[int, list[_Result]] = {}
    for result in results:
        entries.setdefault(result.image_id, []).append(result)
    by_number = {
        number: _people([_corners(e.bbox) for e in group if e.category_id == person], [e.score for e in group if e.category_id == person])
        for number, group in entries.items()
    }
    _refuse_fractions(path, by_number.values())
    by_name = {} if coco is None else {image.file_name: by_number.get(image.id, NOBODY) for image in coco.images}
    return BoxFile(path=path, by_name=by_name, by_number=by_number)


def _person_category(coco: _Coco | None) -> int:
    """The category called "person", or the only one there is, whatever its name."""
    categories = [] if coco is None else coco.categories
    named = [category.id for category in categories if category.name == "person" or len(categories) == 1]
    return named[0] if named else PERSON


def _people(boxes: Sequence[Sequence[float]], scores: Sequence[float]) -> PersonBoxes:
    order = np.argsort(-np.array(scores, np.float64), kind="stable")
    return PersonBoxes(boxes=np.array(boxes, np.float64).reshape(-1, 4)[order], scores=np.array(scores, np.float64)[order])


def _corners(bbox: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, width, height = bbox
    return x, y, x + width, y + height


def _agree(one: Sequence[str], other: Sequence[str]) -> bool:
    return all(a == b for a, b in zip(reversed(one), reversed(other), strict=False))


def _refuse_fractions(path: Path, people: Any) -> None:
    largest = max((float(p.boxes.max()) for p in people if len(p)), default=np.inf)
    if largest <= 1.0:
        raise InputError(f"{path}: no box reaches beyond the first pixel", "Give pixels of the image, not fractions of it")


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} is larger than {LARGEST_FILE >> 20} MiB", "Split it by image")
        return path.read_bytes()
    except OSError as problem:
        raise InputError(f"{path} cannot be read ({problem.strerror})", "Check the path") from None


def _parsed(path: Path, content: bytes, form: TypeAdapter[Any]) -> Any:
    try:
        return form.validate_json(content, strict=True)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        remedy = "Give the annotation file in COCO's form" if form is _COCO else FORMS
        raise InputError(f"{path}: {where + ': ' if where else ''}{first['msg']}", remedy) from None
