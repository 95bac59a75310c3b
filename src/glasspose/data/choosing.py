"""Which people of an annotation file are taken."""

from collections.abc import Sequence

from glasspose.configs.data import Filtered
from glasspose.data.lsp import split_ids, split_unit
from glasspose.structures import Annotation


def stays_inside(name: object) -> bool:
    """Whether a file name names something inside the image folder, on any system."""
    if not isinstance(name, str) or not name:
        return False
    parts = name.replace("\\", "/").split("/")
    return parts[0] != "" and ".." not in parts and ":" not in parts[0] and "\0" not in name


def chosen(people: Sequence[Annotation], alone: Sequence[bool], config: Filtered) -> list[Annotation]:
    """Those whom the options leave in. `alone` says who is the only one in the picture."""
    kept = [person for person, single in zip(people, alone, strict=True) if single] if config.single_person else list(people)
    if config.minimum_keypoints > 0:
        kept = [person for person in kept if person.labelled.sum() >= config.minimum_keypoints]
    if config.minimum_area > 0:
        kept = [person for person in kept if (person.box[2] - person.box[0]) * (person.box[3] - person.box[1]) >= config.minimum_area]
    if config.splits is not None and config.split != "all":
        path = config.root / config.splits
        numbers = set(split_ids(path, config.split))
        unit = split_unit(path)
        kept = [person for person in kept if (person.person_id if unit == "person" else person.image_id) in numbers]
    return kept
