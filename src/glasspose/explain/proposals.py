"""From findings to proposals, one rule for each kind of finding; where the evidence does not reach, the rule says why nothing is proposed.

Two rules ask p values (slices and groups), each at half of the family-wise level; the others need an interval beyond a margin that matters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from glasspose.configs.models import Hourglass
from glasspose.data.lists import Listed, people_json
from glasspose.explain.explanation import Verdict
from glasspose.explain.findings import ErrorsFound, Found, GroupFound, LatentFound, SliceFound, StressFound, SuspectedFound, TrustFound
from glasspose.explain.narrowing import NO_WORSE, Narrow
from glasspose.explain.trying import Workshop
from glasspose.metrics.scores import Interval

ALPHA = 0.05
LEVEL = ALPHA / 2
"""Slices and groups share the chance of any false proposal."""
WEIGHT = 3.0
"""How much people of a condition or group count in what is tried."""
MATTERS = 0.02
"""Points of PCK under stress, or of calibration error, below which nothing is proposed."""
MOST = 3
"""Proposals of one rule."""
FOLDS = 5
FEWER, SAFER = 0, 1
"""Proposals that mend mistakes on pictures like these come before those that gain something else."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Something to try."""

    what: str
    because: str
    expected: str
    gain: float
    """At most, in the measure that `expected` names."""
    interval: Interval
    rank: int
    command: str
    judge: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Declined:
    """Something that is not proposed."""

    what: str
    because: str


Ruling = Sequence[Proposal | Declined]
Lister = Callable[[SliceFound | GroupFound], list[Listed]]
"""The training people of a condition or group."""


def ranked(rulings: Sequence[Proposal | Declined]) -> tuple[list[Proposal], list[Declined]]:
    """Proposals by the lower end of what they gain, what mends mistakes first; and what is not proposed."""
    proposals = [one for one in rulings if isinstance(one, Proposal)]
    return sorted(proposals, key=lambda one: (one.rank, -one.interval[0])), [one for one in rulings if isinstance(one, Declined)]


def refused(found: Found) -> Declined | None:
    """An answer that failed its own test is no ground to build on."""
    if found.verdict != Verdict.NOT_FAITHFUL:
        return None
    return Declined(what=f"anything from `{found.name}`", because=f"it is NOT FAITHFUL here: {'; '.join(found.reasons) or 'nothing was tested'}")


def significant_slices(found: ErrorsFound) -> list[SliceFound]:
    """Conditions that are worse beyond chance, by the lower end of what they cost; each attribute once."""
    sure = [one for one in found.slices if one.p <= LEVEL and one.gain_interval is not None and one.gain_interval[0] > 0]
    kept: list[SliceFound] = []
    for one in sorted(sure, key=lambda one: -(one.gain_interval or (0.0, 0.0))[0]):
        if not any(set(one.of) & set(other.of) for other in kept):
            kept.append(one)
    return kept[:MOST]


def of_slices(found: ErrorsFound, shop: Workshop, people: Lister) -> Ruling:
    """Weights for people of a condition, and augmentation where a setting makes more of them."""
    made: list[Proposal | Declined] = []
    for one in significant_slices(found):
        because = (
            f"{one.condition}: {_percent(one.error)} of keypoints wrong, {_percent(one.elsewhere)} elsewhere (n = {one.people}, p = {one.p:.3g})"
        )
        made.append(_weighed(one.condition, because, one, people(one), shop, "wrong keypoints"))
        setting = next((OF_ATTRIBUTE[name](value) for name, value in one.of.items() if name in OF_ATTRIBUTE), None)
        if setting is not None:
            made.append(_augmented(f"for {one.condition}", because, one.gain, one.gain_interval, setting, shop, FEWER, "wrong keypoints"))
    if not made:
        least = min((one.p for one in found.slices), default=None)
        told = "no condition has people enough" if least is None else f"the smallest adjusted p is {least:.3g}, {LEVEL} is needed"
        made.append(Declined(what="weights or augmentation for a condition", because=f"no condition is worse beyond chance: {told}"))
    return made


def of_groups(found: LatentFound, shop: Workshop, people: Lister) -> Ruling:
    """Weights for people of a group of the bottleneck."""
    sure = [one for one in found.groups if one.p <= LEVEL and one.gain_interval is not None and one.gain_interval[0] > 0]
    if not sure:
        least = min((one.p for one in found.groups), default=1.0)
        because = f"no group of the bottleneck has a lower PCK beyond chance: the smallest p is {least:.3g}, {LEVEL} is needed"
        return [Declined(what="weights for a group of the bottleneck", because=because)]
    return [
        _weighed(
            f"group {one.group} of the bottleneck",
            f"group {one.group}: PCK@0.2 {'-' if one.pck is None else _percent(one.pck)} (n = {one.people}, p = {one.p:.3g})",
            one,
            people(one),
            shop,
            "PCK@0.2",
        )
        for one in sorted(sure, key=lambda one: -(one.gain_interval or (0.0, 0.0))[0])[:MOST]
    ]


def of_labels(found: Found, suspected: SuspectedFound | None, planted: tuple[float, Interval | None], shop: Workshop, training: str) -> Ruling:
    """Labels to review, and training without them where the list is about training people."""
    share, interval = planted
    what = "to review labels, or to train without the suspected ones"
    if suspected is None or interval is None or interval[0] <= share:
        return [Declined(what=what, because="the list does not find planted errors more often than chance would")]
    if suspected.count == 0 or suspected.lost_interval is None or suspected.lost_interval[0] <= 0:
        return [Declined(what=what, because="no label is as suspicious as half of the planted errors, and mistaken with it")]
    because = f"{suspected.count} of {found.n} labels are as suspicious as half of the planted errors"
    if suspected.count_if_none_is_wrong is not None:
        because += f" (up to {suspected.count_if_none_is_wrong:.0f} could be if none were wrong)"
    bounds = suspected.lost_interval
    expected = f"at most {_points(suspected.lost, bounds)} of keypoints are counted as wrong on them; a person decides which labels are"
    if found.data != training:
        folds = shop.train("--folds", str(FOLDS), name="folds")
        look = shop.explain("labels", "--out", str(shop.out / "training-labels"), weights="runs/improve-folds", data=shop.training)
        again = shop.explain("improve", "--from", str(shop.out / "training-labels"))
        return [
            Proposal(
                what="review the labels, of the training people too",
                because=f"{because} of {found.data}",
                expected=expected,
                gain=suspected.lost,
                interval=bounds,
                rank=FEWER,
                command=f"{folds} && {look}",
                judge=again,
            )
        ]
    listed = [Listed(image=one.image, person=one.person, reason=one.reason) for one in found.people[: suspected.count]]
    path = shop.file("leave-out.json")
    options = ("--data.leave-out", str(path))
    return [
        Proposal(
            what=f"train without the {len(listed)} suspected labels (review the list first)",
            because=f"{because} of the training people",
            expected=expected,
            gain=suspected.lost,
            interval=bounds,
            rank=FEWER,
            command=shop.train(*options, name="leave-out"),
            judge=shop.compare("leave-out"),
            files={path.name.removeprefix("improve-"): _listed(listed, training), "leave-out.sh": shop.script(*options, name="leave-out")},
        )
    ]


def of_trust(found: TrustFound, shop: Workshop, calibrated: bool) -> Ruling:
    """Write the calibration."""
    error, what = found.error, "to write a calibration"
    if error.fall_interval is None or error.fall_interval[0] <= 0 or error.before - found.null < MATTERS:
        return [Declined(what=what, because=f"scores lie {_percent(error.before)} from the true rate, {_percent(found.null)} by chance alone")]
    if calibrated:
        return [Declined(what=what, because="the card keeps one already, which `predict` uses; raw scores would need it")]
    return [
        Proposal(
            what="write the calibration into the card",
            because=f"raw scores lie {_percent(error.before)} from the true rate of hits",
            expected=f"calibration error falls by {_points(error.fall, error.fall_interval)} on people it was not fitted on; no keypoint moves",
            gain=error.fall,
            interval=error.fall_interval,
            rank=SAFER,
            command=shop.explain("trust", "--write"),
            judge=shop.explain("trust", "--seed", "1"),
        )
    ]


def of_stress(found: StressFound, shop: Workshop) -> Ruling:
    """Augmentation for the changes that cost most."""
    strongest = {one.cue: one for one in found.effects}
    dear = [one for one in strongest.values() if one.lost is not None and one.lost_interval is not None and one.lost_interval[0] >= MATTERS]
    if not dear:
        return [Declined(what="augmentation for a change of the pictures", because=f"none costs {100 * MATTERS:.0f} points of PCK@0.2 for sure")]
    made: list[Proposal | Declined] = []
    for one in sorted(dear, key=lambda one: -(one.lost_interval or (0.0, 0.0))[0]):
        because = f"{one.cue} ({one.dose:g} {one.unit}) costs {_points(one.lost or 0.0, one.lost_interval)} of PCK@0.2"
        if one.cue not in OF_CUE:
            made.append(Declined(what=f"augmentation for {one.cue}", because=f"{because}, and no setting makes pictures like that"))
        elif sum(isinstance(other, Proposal) for other in made) < MOST:
            made.append(
                _augmented(
                    f"against {one.cue}", because, one.lost or 0.0, one.lost_interval, OF_CUE[one.cue], shop, SAFER, "PCK@0.2 on such pictures"
                )
            )
    return made


def of_width(found: Narrow, shop: Workshop) -> Ruling:
    """A narrower code, or a narrower bottleneck."""
    needed, place = found.needed, " and ".join(found.places)
    what = f"a narrower {'code' if found.code else 'bottleneck'}"
    if needed is None or needed.interval is None:
        first = found.tried[0] if found.tried else None
        told = (
            "too few people to say"
            if first is None
            else f"{first.kept} of {found.width} components cost {_points(first.lost, first.interval)} of PCK@0.2"
        )
        return [Declined(what=what, because=f"{told}: less than {100 * NO_WORSE:.0f} point for sure is needed ({place})")]
    kept = needed.kept if found.code else -(-needed.kept // 8) * 8
    options = _narrow_options(shop, found, kept)
    if options is None:
        return [Declined(what=what, because=f"{needed.kept} of {found.width} components would do, but this model has no option for its width there")]
    dead = f", {found.dead} say nothing at all" if found.dead else ""
    return [
        Proposal(
            what=f"{what}: {kept} of {found.width}",
            because=f"with only {needed.kept} of {found.width} components of {place}, PCK@0.2 falls by {_points(needed.lost, needed.interval)}{dead}",
            expected="a smaller network of about the same PCK; retrained it may differ from this one with fewer components",
            gain=1 - kept / found.width,
            interval=(1 - kept / found.width,) * 2,
            rank=SAFER,
            command=shop.train(*options, name="narrow"),
            judge=shop.compare("narrow"),
            files={"narrow.sh": shop.script(*options, name="narrow")},
        )
    ]


def _narrow_options(shop: Workshop, found: Narrow, kept: int) -> tuple[str, ...] | None:
    model = shop.recipe.model
    if found.code:
        return ("--model.autoencoder.code", str(kept))
    if not isinstance(model, Hourglass) or kept >= found.width:
        return None
    levels = (*(model.level_channels or (model.channels,) * model.depth)[:-1], kept)
    return tuple(word for level in levels for word in ("--model.level-channels", str(level)))


def _weighed(name: str, because: str, one: SliceFound | GroupFound, people: Sequence[Listed], shop: Workshop, measure: str) -> Proposal | Declined:
    if not people:
        return Declined(what=f"more weight for {name}", because="nobody among the training people is like that")
    ending = f"weights-{_slug(name)}"
    options = ("--weights", str(shop.file(f"{ending}.json")))
    bounds = one.gain_interval or (0.0, 0.0)
    return Proposal(
        what=f"{WEIGHT:g} times the weight for {name} ({len(people)} training people)",
        because=because,
        expected=f"at most {_points(one.gain, bounds)} of {measure}, were they as easy as the others; the others may lose",
        gain=one.gain,
        interval=bounds,
        rank=FEWER,
        command=shop.train(*options, name=ending),
        judge=shop.compare(ending),
        files={f"{ending}.json": _listed(people, shop.training.split), f"{ending}.sh": shop.script(*options, name=ending)},
    )


def _augmented(
    name: str, because: str, gain: float, bounds: Interval | None, setting: tuple[str, float], shop: Workshop, rank: int, measure: str
) -> Proposal | Declined:
    key, value = setting
    now = float(getattr(shop.augmentation, key))
    if now >= value:
        return Declined(what=f"augmentation.{key} {name}", because=f"it is at {now:g} already ({because})")
    options = (f"--augmentation.{key.replace('_', '-')}", f"{value:g}")
    slug = _slug(f"{key} {value:g}")
    return Proposal(
        what=f"augmentation.{key} {value:g} instead of {now:g} {name}",
        because=because,
        expected=f"at most {_points(gain, bounds or (gain, gain))} of {measure}",
        gain=gain,
        interval=bounds or (gain, gain),
        rank=rank,
        command=shop.train(*options, name=slug),
        judge=shop.compare(slug),
        files={f"{slug}.sh": shop.script(*options, name=slug)},
    )


OF_ATTRIBUTE: Mapping[str, Callable[[str], tuple[str, float]]] = {
    "rotation": lambda value: ("rotation", 60.0 if value.startswith("leaning") else 180.0),
    "occlusion": lambda value: ("occlusion", 0.4),
    "cut off or unlabelled": lambda value: ("cut", 0.3),
    "size": lambda value: ("scale", 0.5),
}
"""Attributes of people of whom a setting of `Augmentation` makes more."""
OF_CUE: Mapping[str, tuple[str, float]] = {
    "colour": ("grey", 0.2),
    "occlusion": ("occlusion", 0.4),
    "crop shift": ("translation", 0.2),
    "crop scale": ("scale", 0.5),
    "rotation": ("rotation", 60.0),
    "defocus": ("blur", 0.3),
    "motion blur": ("blur", 0.3),
    "brightness": ("colour", 0.5),
    "contrast": ("colour", 0.5),
}
"""Cues of `stress` that a setting of `Augmentation` makes."""


def _listed(people: Sequence[Listed], of: str) -> bytes:
    return people_json(people, of=of)


def _slug(name: str) -> str:
    words = "".join(character if character.isalnum() else " " for character in name.lower()).split()
    return "-".join(words)[:60].rstrip("-")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(value: float, bounds: Interval | None) -> str:
    told = "" if bounds is None else f" ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})"
    return f"{100 * value:.1f} points{told}"
