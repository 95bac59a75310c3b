"""How suspicious a label is: six signals, what each means in words, and weights for them that errors planted in the same data have taught.

A signal is a number for each person, 0 or more, without unit; lengths are in sizes of the person (the longer side of the answered pose).
Letters: N people, K keypoints, F signals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float16, Int

from glasspose.skeletons import Skeleton

NEIGHBOURS = 12
ARRAYS = ("keypoints", "scores", "truth", "labelled", "maps", "features")
"""What `Claims` holds of each person."""
FLOOR = 0.02
"""Heat below this is none."""
STRONGEST = 5.0
"""The most that one keypoint can cost, in natural logarithms of heat."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Claims:
    """Labels of N people beside what a network that never saw them says. Any pixels, the same for both."""

    skeleton: Skeleton
    keypoints: Float[np.ndarray, "N K 2"]
    scores: Float[np.ndarray, "N K"]
    truth: Float[np.ndarray, "N K 2"]
    labelled: Bool[np.ndarray, "N K"]
    maps: Float[np.ndarray, "N K h w"] | Float16[np.ndarray, "N K h w"] | None = None
    """The network's whole opinion, where it is at hand: a second peak at the label speaks for the label."""
    stride: float = 1.0
    """Pixels for one pixel of a map."""
    features: Float[np.ndarray, "N D"] | None = None
    """What the network's bottleneck holds of each picture."""

    def __len__(self) -> int:
        return len(self.truth)

    def size(self) -> Float[np.ndarray, " N"]:
        """The longer side of the answered pose, of labelled keypoints; at least half that of the labels, and a pixel."""
        sides = [_longer_side(points, self.labelled) for points in (self.keypoints, self.truth)]
        found: np.ndarray = np.maximum(np.maximum(sides[0], sides[1] / 2), 1.0)
        return found

    def apart(self) -> Float[np.ndarray, "N K"]:
        """From answer to label, in sizes, 1 at most; 0 without a label."""
        between = np.linalg.norm(self.keypoints - self.truth, axis=-1) / self.size()[:, None]
        return np.where(self.labelled, np.minimum(between, 1.0), 0.0)

    def costs(self) -> Float[np.ndarray, "N K K"]:
        """What it costs to believe that keypoint a is where label b stands, 0 to 1; 0 where b has no label.

        With maps: how much less heat there is at the label than at the answer. Without: the distance, weighed by the score.
        """
        if self.maps is not None:
            found = (np.log(self.scores + FLOOR)[:, :, None] - np.log(self._heat() + FLOOR)) / STRONGEST
        else:
            between = np.linalg.norm(self.keypoints[:, :, None] - self.truth[:, None], axis=-1) / self.size()[:, None, None]
            found = np.minimum(between, 1.0) * np.minimum(self.scores / np.maximum(np.quantile(self.scores, 0.9, axis=0), 1e-6), 1.0)[:, :, None]
        return np.where(self.labelled[:, None], np.clip(found, 0.0, 1.0), 0.0)

    def _heat(self) -> Float[np.ndarray, "N K K"]:
        """The highest value of map a within a map pixel of label b; 0 outside the map."""
        assert self.maps is not None
        height, width = self.maps.shape[2:]
        highest = np.pad(self.maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
        places = np.rint((self.truth + 0.5) / self.stride - 0.5)
        within = np.asarray(((places >= -1) & (places <= [width, height])).all(-1))
        x, y = (np.clip(np.nan_to_num(places[..., axis]), 0, end - 1).astype(int) for axis, end in ((0, width), (1, height)))
        rows, maps = np.arange(len(self))[:, None, None], np.arange(self.maps.shape[1])[None, :, None]
        around = [highest[rows, maps, (y + 1 + dy)[:, None], (x + 1 + dx)[:, None]] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        found: np.ndarray = np.where(within[:, None], np.max(around, axis=0), 0.0).astype(np.float64)
        return found

    def with_labels(self, places: Int[np.ndarray, " n"], truth: Float[np.ndarray, "n K 2"], labelled: Bool[np.ndarray, "n K"]) -> "Claims":
        """The same, with other labels for some people."""
        changed, known = self.truth.copy(), self.labelled.copy()
        changed[places], known[places] = truth, labelled
        return replace(self, truth=changed, labelled=known)

    def with_people(self, places: Int[np.ndarray, " n"], others: "Claims") -> "Claims":
        """The same, with other people in some places."""

        def changed(name: str) -> np.ndarray | None:
            mine, theirs = getattr(self, name), getattr(others, name)
            if mine is None:
                return None
            made: np.ndarray = mine.copy()
            made[places] = theirs
            return made

        arrays: dict[str, Any] = {name: changed(name) for name in ARRAYS}
        return replace(self, **arrays)


@dataclass(frozen=True, kw_only=True, eq=False)
class Signals:
    """Everything that speaks against the labels of N people."""

    values: Mapping[str, Float[np.ndarray, " N"]]
    reasons: Mapping[str, Sequence[str]]
    """For every signal and person, in words."""
    labels: Int[np.ndarray, " N"]
    """How many keypoints each has."""
    twins: int
    """How many keypoints of the skeleton have a side."""

    def matrix(self) -> Float[np.ndarray, "N F"]:
        """Square roots, so that no signal runs away."""
        found: np.ndarray = np.sqrt(np.maximum(np.stack(list(self.values.values()), 1), 0.0))
        return found


def signals(claims: Claims) -> Signals:
    """All of them."""
    costs = claims.costs()
    parts = {
        "left/right": _sides(claims, costs),
        "two keypoints": _two(claims, costs),
        "loss": _loss(claims, costs),
        "one keypoint": _one(claims, costs),
        "geometry": _geometry(claims),
        "latent": _latent(claims),
    }
    return Signals(
        values={name: values for name, (values, _) in parts.items()},
        reasons={name: reasons for name, (_, reasons) in parts.items()},
        labels=claims.labelled.sum(1),
        twins=2 * len(claims.skeleton.pairs),
    )


Signal = tuple[Float[np.ndarray, " N"], list[str]]


def _sides(claims: Claims, costs: Float[np.ndarray, "N K K"]) -> Signal:
    """How much the labels cost less when left and right are exchanged: of the whole body, of the upper, or of the lower one."""
    skeleton = claims.skeleton
    twin, every = np.array(skeleton.flip), np.arange(len(skeleton))
    both = claims.labelled & claims.labelled[:, twin] & (twin != every)
    saved = np.where(both, costs[:, every, every] - costs[:, every, twin], 0.0)
    lower = np.isin(every, skeleton.lower_body)
    parts = {"of the whole body": np.ones(len(every), bool), "of the upper body": ~lower, "of the lower body": lower}
    sums = np.stack([np.where(chosen, saved, 0.0).sum(1) / max(int((twin != every).sum()), 1) for chosen in parts.values()])
    words = [f"left and right {list(parts)[b]} look exchanged" for b in sums.argmax(0)]
    return np.maximum(sums.max(0), 0.0), words


def _two(claims: Claims, costs: Float[np.ndarray, "N K K"]) -> Signal:
    """How much two labels cost less when they change places, over all pairs of keypoints that are no twins."""
    count, twin = costs.shape[1], np.array(claims.skeleton.flip)
    own = np.einsum("nkk->nk", costs)
    saved = (own[:, :, None] + own[:, None] - costs - costs.transpose(0, 2, 1)) / 2
    allowed = claims.labelled[:, :, None] & claims.labelled[:, None]
    allowed &= ~np.eye(count, dtype=bool) & (twin[:, None] != np.arange(count))
    saved = np.where(allowed, saved, 0.0).reshape(len(costs), -1)
    best = saved.argmax(1)
    names = claims.skeleton.keypoints
    words = [f"{names[b // count]} and {names[b % count]} look exchanged" for b in best]
    return np.maximum(saved.max(1), 0.0), words


def _loss(claims: Claims, costs: Float[np.ndarray, "N K K"]) -> Signal:
    """What the labels cost in the mean."""
    labels = np.maximum(claims.labelled.sum(1), 1)
    moved = np.where(claims.labelled[..., None], claims.truth - claims.keypoints, np.nan)
    moved[~claims.labelled.any(1)] = 0.0
    shift = np.nanmedian(moved, axis=1) / claims.size()[:, None]
    mean = claims.apart().sum(1) / labels
    words = [
        f"all labels lie {np.hypot(*s):.2f} sizes to the {_direction(s)} of the answer"
        if np.hypot(*s) > max(0.1, 0.7 * m)
        else f"the labels lie {m:.2f} sizes from the answer in the mean"
        for s, m in zip(shift, mean, strict=True)
    ]
    return np.einsum("nkk->n", costs) / labels, words


def _one(claims: Claims, costs: Float[np.ndarray, "N K K"]) -> Signal:
    """The dearest single label."""
    own, apart = np.einsum("nkk->nk", costs), claims.apart()
    worst = own.argmax(1)
    words = [f"{claims.skeleton.keypoints[k]} lies {apart[i, k]:.2f} sizes from a sure answer" for i, k in enumerate(worst)]
    return own.max(1), words


def _geometry(claims: Claims) -> Signal:
    """The limb that is longest against what is usual in this data, in robust standard deviations of its logarithm. No network is needed."""
    limbs = np.array(claims.skeleton.limbs).reshape(-1, 2)
    if not len(limbs):
        return np.zeros(len(claims)), [""] * len(claims)
    known = np.asarray(claims.labelled[:, limbs].all(axis=2))
    length = np.linalg.norm(claims.truth[:, limbs[:, 0]] - claims.truth[:, limbs[:, 1]], axis=-1)
    typical = np.nanmedian(np.where(np.asarray(known.any(1))[:, None], np.where(known, length, np.nan), 1.0), axis=1)
    logs = np.where(known, np.log(np.maximum(length, 1e-3) / np.maximum(typical, 1e-3)[:, None]), np.nan)
    with np.errstate(all="ignore"):
        middle, spread = (_columns(logs, share) for share in (0.5, 0.84))
    beyond = np.where(known, (logs - middle) / np.maximum(spread - middle, 0.1), 0.0)
    worst = beyond.argmax(1)
    names = claims.skeleton.keypoints
    words = [
        f"the limb {names[limbs[b, 0]]} to {names[limbs[b, 1]]} is {np.exp(np.nan_to_num(logs[i, b] - middle[b])):.1f} times as long as usual"
        for i, b in enumerate(worst)
    ]
    return np.clip(beyond.max(1) / 3, 0.0, 5.0), words


def _columns(values: Float[np.ndarray, "N L"], share: float) -> Float[np.ndarray, " L"]:
    found = [np.quantile(column[~np.isnan(column)], share) if (~np.isnan(column)).any() else 0.0 for column in values.T]
    return np.array(found)


def _latent(claims: Claims) -> Signal:
    """How far the labelled pose lies from those of the people whose pictures look most alike to the network's bottleneck."""
    if claims.features is None or len(claims) <= NEIGHBOURS:
        return np.zeros(len(claims)), [""] * len(claims)
    poses = np.where(claims.labelled[..., None], _placed(claims), np.nan)
    unit = claims.features - claims.features.mean(0)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
    found = np.zeros(len(claims))
    for start in range(0, len(claims), 500):
        like = unit[start : start + 500] @ unit.T
        like[np.arange(len(like)), start + np.arange(len(like))] = -np.inf
        near = np.argpartition(-like, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        with np.errstate(all="ignore"):
            between = np.linalg.norm(poses[near] - poses[start : start + 500, None], axis=-1)
        known = ~np.isnan(between)
        mean = np.where(known, between, 0.0).sum(2) / np.maximum(known.sum(2), 1)
        found[start : start + 500] = np.median(np.where(known.sum(2) >= 3, mean, 0.0), axis=1)
    return found, [f"pictures that look alike to the network show other poses ({value:.2f} sizes away)" for value in found]


def _placed(claims: Claims) -> Float[np.ndarray, "N K 2"]:
    """Labels around the middle of their own, in sizes."""
    known = claims.labelled[..., None]
    middle = np.where(known, claims.truth, 0.0).sum(1) / np.maximum(known.sum(1), 1)
    placed: np.ndarray = (claims.truth - middle[:, None]) / claims.size()[:, None, None]
    return placed


def _longer_side(points: Float[np.ndarray, "N K 2"], chosen: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, " N"]:
    low = np.where(chosen[..., None], points, np.inf).min(1)
    high = np.where(chosen[..., None], points, -np.inf).max(1)
    found: np.ndarray = np.where(chosen.any(1), np.nan_to_num((high - low).max(1), neginf=0.0, posinf=0.0), 0.0)
    return found


def _direction(shift: Float[np.ndarray, " 2"]) -> str:
    if abs(shift[0]) >= abs(shift[1]):
        return "right" if shift[0] > 0 else "left"
    return "bottom" if shift[1] > 0 else "top"


def taught_weights(clean: Float[np.ndarray, "N F"], planted: Float[np.ndarray, "n F"]) -> Float[np.ndarray, " F"]:
    """Weights under which planted errors score highest against the data as it is: logistic regression, each class weighing the same.

    No signal ever speaks for a label: what would get a negative weight gets none, and the rest are fitted again.
    """
    from sklearn.linear_model import LogisticRegression

    features, truth = np.concatenate([clean, planted]), np.repeat([0, 1], [len(clean), len(planted)])
    chosen = np.flatnonzero(features.std(0) > 1e-9)
    weights = np.zeros(clean.shape[1])
    while len(chosen):
        fitted = LogisticRegression(C=10.0, class_weight="balanced", max_iter=2000).fit(features[:, chosen], truth).coef_[0]
        if (fitted >= 0).all():
            weights[chosen] = fitted
            break
        chosen = chosen[fitted > fitted.min()]
    return weights


MOST = 0.4
"""An exchange, or a single label, is named where it accounts for this share of all that the labels cost."""
ODD_LIMB = 1.0
"""Three robust standard deviations: from here on a limb is named."""


def reason(found: Signals, person: int) -> str:
    """What speaks against this label: the simplest change that would mend most of it, and a limb that is oddly long."""
    value = {name: values[person] for name, values in found.values.items()}
    labels = max(int(found.labels[person]), 1)
    total = max(value["loss"] * labels, 1e-9)
    shares = {"left/right": value["left/right"] * found.twins, "two keypoints": 2 * value["two keypoints"], "one keypoint": value["one keypoint"]}
    named = next((name for name, saved in shares.items() if saved >= MOST * total), "loss")
    said = [found.reasons[named][person]]
    if value["geometry"] >= ODD_LIMB:
        said.append(found.reasons["geometry"][person])
    return "; ".join(said)
