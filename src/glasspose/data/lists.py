"""Lists of labelled people in a file: whom a reader leaves out, and how much each of them counts in training.

    {"format": "glasspose.people", "version": 1, "people": [{"image": 12, "person": 12, "weight": 2.0, "reason": "left and right exchanged"}]}

`image` and `person` are the ids of the annotation file (of LSP and LSPET both are the number of the picture); `weight` counts where a
recipe's `weights` names the file, and `reason` is for people. The file is untrusted: whatever else it holds is an AnnotationError.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glasspose.data.packing import Pack
from glasspose.errors import AnnotationError
from glasspose.structures import Dataset

FORMAT = "glasspose.people"
LARGEST = 64 * 2**20
"""Bytes of a list."""
HEAVIEST = 1000.0
"""Nobody counts more than this."""
Key = tuple[int, int]
"""(image, person)."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One person of a list."""

    image: int
    person: int
    weight: float = 1.0
    reason: str = ""

    @property
    def key(self) -> Key:
        """What people are found by."""
        return (self.image, self.person)


def read_people(path: Path) -> dict[Key, Listed]:
    """A list of people, each named once. AnnotationError where the file is missing or malformed."""
    content = _json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != 1 or not isinstance(content.get("people"), list):
        raise AnnotationError(f"{path} is not a list of people", f'It begins with "format": "{FORMAT}", "version": 1 and has "people"')
    found: dict[Key, Listed] = {}
    for number, one in enumerate(content["people"], 1):
        listed = _listed(one, f"{path}, person {number}")
        if listed.key in found:
            raise AnnotationError(f"{path} names person {listed.person} of image {listed.image} twice", "Name everybody once")
        found[listed.key] = listed
    return found


def people_json(people: Iterable[Listed], **about: Any) -> bytes:
    """The content of a list's file; `about` says where it comes from."""
    rows = [{"image": p.image, "person": p.person, "weight": p.weight, "reason": p.reason} for p in people]
    return (json.dumps({"format": FORMAT, "version": 1, **about, "people": rows}, indent=1, ensure_ascii=False) + "\n").encode()


def without(dataset: Dataset, path: Path) -> Dataset:
    """The dataset without the people of a list. AnnotationError where the list names nobody in it: it is then for other data."""
    listed = read_people(path)
    kept = [person for person in dataset.annotations if (person.image_id, person.person_id) not in listed]
    if listed and len(kept) == len(dataset.annotations):
        raise AnnotationError(f"{path} names nobody in {dataset.name}", "Is it the list of another dataset or split?")
    return replace(dataset, annotations=kept)


def weights_for(path: Path, pack: Pack) -> Mapping[Key, float]:
    """How much the people of a list count. AnnotationError where it names nobody of the pack, or nobody is left who counts."""
    listed = read_people(path)
    packed = list(zip(pack.image_ids.tolist(), pack.person_ids.tolist(), strict=True))
    weights = {key: one.weight for key, one in listed.items()}
    if listed and not weights.keys() & set(packed):
        raise AnnotationError(f"{path} names nobody in {pack.name}", "Is it the list of another dataset or split?")
    if packed and all(weights.get(key, 1.0) == 0 for key in packed):
        raise AnnotationError(f"{path} gives everybody in {pack.name} the weight 0", "Leave somebody to learn from")
    return weights


def _json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise AnnotationError(f"{path} is too large for a list of people", f"At most {LARGEST // 2**20} MiB are read")
        return json.loads(content)
    except FileNotFoundError:
        raise AnnotationError(f"{path} is not there", "Name a list of people, such as `glasspose explain improve` writes") from None
    except (ValueError, RecursionError, OSError) as problem:
        raise AnnotationError(f"{path} is not JSON ({type(problem).__name__})", "Write it again") from None


def _listed(one: Any, where: str) -> Listed:
    """One entry, every value checked."""
    if not isinstance(one, dict) or not one.keys() <= {"image", "person", "weight", "reason"}:
        raise AnnotationError(f"{where} is not an entry of a list", "It has image and person, and may have weight and reason")
    image, person, weight, reason = one.get("image"), one.get("person"), one.get("weight", 1.0), one.get("reason", "")
    if any(type(number) is not int or abs(number) >= 2**63 for number in (image, person)):
        raise AnnotationError(f"{where}: image and person are whole numbers", "They are the ids of the annotation file")
    if type(weight) not in (int, float) or not 0 <= weight <= HEAVIEST:  # false for NaN, and for a whole number of any size
        raise AnnotationError(f"{where}: weight {str(weight)[:20]} is not a number from 0 to {HEAVIEST:.0f}", "1 counts as everybody else")
    if not isinstance(reason, str):
        raise AnnotationError(f"{where}: reason is not a text", "Leave it out")
    return Listed(image=image, person=person, weight=float(weight), reason=reason)  # type: ignore[arg-type]
