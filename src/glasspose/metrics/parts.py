"""Which keypoints form a part of the body, and which are on the left or on the right: by their names, so for any skeleton."""

from collections.abc import Mapping, Sequence

GROUPS: Mapping[str, tuple[str, ...]] = {
    "head": ("nose", "eye", "ear", "head"),
    "shoulders": ("shoulder",),
    "elbows": ("elbow",),
    "wrists": ("wrist",),
    "hips": ("hip",),
    "knees": ("knee",),
    "ankles": ("ankle",),
}
"""Words of names. Neck, thorax and pelvis belong to no group: the column Head of MPII's table is the head's top alone."""
LIMBS = ("elbows", "wrists", "knees", "ankles")
"""The groups that are limbs."""
SIDES: Mapping[str, tuple[str, ...]] = {"left": ("left", "l"), "right": ("right", "r")}


def groups_of(keypoints: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The places of each group's keypoints; groups without any are left out."""
    return _with_words(keypoints, GROUPS)


def sides_of(keypoints: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The places of the keypoints on the left, and of those on the right."""
    return _with_words(keypoints, SIDES)


def limbs_of(keypoints: Sequence[str]) -> tuple[int, ...]:
    """The places of elbows, wrists, knees and ankles."""
    return tuple(sorted(k for group, places in groups_of(keypoints).items() if group in LIMBS for k in places))


def _with_words(keypoints: Sequence[str], wanted: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[int, ...]]:
    words = [set(name.replace("-", "_").lower().split("_")) for name in keypoints]
    found = {key: tuple(k for k, own in enumerate(words) if own & set(asked)) for key, asked in wanted.items()}
    return {key: places for key, places in found.items() if places}
