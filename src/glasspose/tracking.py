"""The same people from frame to frame of a video, and keypoints that do not tremble.

Letters: T tracks, N persons in the frame, K keypoints. Times are seconds, lengths image pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float

from glasspose.errors import UsageError
from glasspose.skeletons import Skeleton
from glasspose.structures import Poses

FALLOFF = 0.15
"""A keypoint this share of the person's size away counts exp(-1/2): far looser than OKS, since people move between frames."""
POSE_WEIGHT = 0.7
"""The rest is for the boxes; without a keypoint that both have, boxes decide alone."""
HORIZON = 0.25
"""Seconds for which a person is expected to go on as before."""
INERTIA = 0.5
"""Share of the old velocity in the new one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Filtered:
    """What the filter remembers of keypoints, for one person (K) or several (N K)."""

    keypoints: Float[np.ndarray, "*N K 2"]
    velocity: Float[np.ndarray, "*N K 2"]
    """Filtered too, pixels a second."""
    time: Float[np.ndarray, "*N K"]
    """When each keypoint was last fed."""
    fed: Bool[np.ndarray, "*N K"]
    """It was fed at all."""

    @staticmethod
    def fresh(count: int) -> "Filtered":
        """No keypoint was fed."""
        return Filtered(keypoints=np.zeros((count, 2)), velocity=np.zeros((count, 2)), time=np.zeros(count), fed=np.zeros(count, bool))

    @staticmethod
    def stacked(people: Sequence["Filtered"]) -> "Filtered":
        """People (K) to one for all of them (N K)."""
        return Filtered(**{f.name: np.stack([getattr(person, f.name) for person in people]) for f in fields(Filtered)})

    def __getitem__(self, n: int) -> "Filtered":
        return Filtered(**{f.name: getattr(self, f.name)[n] for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class OneEuro:
    """The one euro filter (Casiez, Roussel and Vogel, CHI 2012): little tremble at rest, little delay in motion.

    Speed is the length of the filtered velocity in person sizes a second, so that one setting serves people near and far.
    """

    minimum_cutoff: float = 1.0
    """Hertz, at rest: lower trembles less."""
    beta: float = 3.0
    """Hertz for each person size a second: higher lags less."""
    derivative_cutoff: float = 1.0
    """Hertz, of the velocity's own filter."""

    def __post_init__(self) -> None:
        if not (self.minimum_cutoff > 0 and self.beta >= 0 and self.derivative_cutoff > 0):
            raise UsageError(f"{self} cannot filter", "Cutoffs are positive, beta is not negative")

    def step(
        self, before: Filtered, keypoints: Float[np.ndarray, "N K 2"], seen: Bool[np.ndarray, "N K"], sizes: Float[np.ndarray, " N"], time: float
    ) -> Filtered:
        """Feed the keypoints that are seen. The first of each passes unchanged; one that comes no later than the last has no effect.

        `sizes` are pixels, the square root of each person's area.
        """
        starts, elapsed = seen & ~before.fed, time - before.time
        moves = seen & before.fed & (elapsed > 0)
        gap = np.where(moves, elapsed, 1.0)[..., None]
        velocity = _blend(before.velocity, (keypoints - before.keypoints) / gap, _weight(self.derivative_cutoff, gap))
        speed = np.linalg.norm(velocity, axis=-1, keepdims=True) / sizes[:, None, None]
        filtered = _blend(before.keypoints, keypoints, _weight(self.minimum_cutoff + self.beta * speed, gap))
        rests = np.where(starts[..., None], keypoints, before.keypoints)
        return Filtered(
            keypoints=np.where(moves[..., None], filtered, rests),
            velocity=np.where(moves[..., None], velocity, before.velocity),
            time=np.where(moves | starts, time, before.time),
            fed=before.fed | seen,
        )


def _weight(cutoff: float | np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Of the new value, in a low pass of this cutoff (hertz) after this gap (seconds)."""
    turn = 2 * np.pi * cutoff * gap
    return np.asarray(turn / (turn + 1))


def _blend(old: np.ndarray, new: np.ndarray, weight: np.ndarray) -> np.ndarray:
    blend: np.ndarray = old + weight * (new - old)
    return blend


@dataclass(kw_only=True, eq=False)
class _Track:
    """A person as last observed, unfiltered."""

    number: int
    keypoints: Float[np.ndarray, "K 2"]
    seen: Bool[np.ndarray, " K"]
    box: Float[np.ndarray, " 4"]
    time: float
    filtered: Filtered
    velocity: Float[np.ndarray, " 2"]
    """Of the body as a whole, pixels a second."""
    missed: int = 0

    def expected(self, time: float) -> tuple[Float[np.ndarray, "K 2"], Float[np.ndarray, " 4"]]:
        """Where keypoints and box are at this time if the person goes on as before."""
        step = self.velocity * min(time - self.time, HORIZON)
        return self.keypoints + step, self.box + np.tile(step, 2)

    def observe(self, poses: Poses, n: int, time: float) -> None:
        """Person `n` of the frame is this one."""
        both = self.seen & poses.seen[n]
        if both.any() and time > self.time:
            step = np.median(poses.keypoints[n][both] - self.keypoints[both], axis=0)
            self.velocity = INERTIA * self.velocity + (1 - INERTIA) * step / (time - self.time)
        self.keypoints, self.seen, self.box = poses.keypoints[n], poses.seen[n], poses.boxes[n]
        self.time, self.missed = time, 0


class Tracker:
    """Numbers the people of one video online, and filters their keypoints.

    Each frame's people are assigned to those of the frames before so that the sum of similarities (keypoints as in OKS, and boxes) is
    largest; pairs below `similarity` stay apart. Someone missing for more than `patience` frames who comes back gets a new number; numbers
    count from 1 and are never used twice. `smoothing=None` leaves keypoints as they are.
    """

    def __init__(self, *, patience: int = 30, similarity: float = 0.1, smoothing: OneEuro | None = OneEuro()) -> None:
        self.patience, self.similarity, self.smoothing = patience, similarity, smoothing
        self._tracks: list[_Track] = []
        self._count = 0
        self._time = -math.inf
        self._skeleton: Skeleton | None = None

    def update(self, poses: Poses, time: float) -> Poses:
        """The people of the next frame in the same order, with `track_ids` and, where smoothing is on, filtered keypoints.

        The same time again is the same moment: numbers are given, and filtered keypoints rest. A time before the last one starts a new video:
        everyone gets a new number. UsageError where the skeleton changes or the time is no finite number.
        """
        self._check(poses, time)
        time = round(time, 6)  # frames closer than a microsecond are the same moment: no speed can be told from them
        if time < self._time:
            self._tracks = []
        self._time = time
        tracks = self._assigned(poses, time)
        self._tracks = [track for track in self._tracks if track.missed <= self.patience]
        keypoints = self._smoothed(poses, tracks, time)
        return replace(poses, keypoints=keypoints, track_ids=[track.number for track in tracks])

    def _check(self, poses: Poses, time: float) -> None:
        if not math.isfinite(time):
            raise UsageError(f"a frame at {time} seconds", "Give each frame its time as a finite number")
        if self._skeleton is not None and self._skeleton != poses.skeleton:
            raise UsageError(f"a tracker of {self._skeleton.name} got poses of {poses.skeleton.name}", "Use one tracker for each video and model")
        self._skeleton = poses.skeleton

    def _assigned(self, poses: Poses, time: float) -> list[_Track]:
        """The track of each person, new where none is similar; the other tracks miss a frame."""
        from scipy.optimize import linear_sum_assignment  # half a second, for videos alone

        similar = similarities(self._tracks, poses, time)
        similar[similar < self.similarity] = 0.0
        pairs = [(int(t), int(n)) for t, n in zip(*linear_sum_assignment(similar, maximize=True), strict=True) if similar[t, n] > 0]
        found = {n: self._tracks[t] for t, n in pairs}
        for track in self._tracks:
            track.missed += 1
        for n, track in found.items():
            track.observe(poses, n, time)
        return [found[n] if n in found else self._opened(poses, n, time) for n in range(len(poses))]

    def _opened(self, poses: Poses, n: int, time: float) -> _Track:
        self._count += 1
        track = _Track(
            number=self._count,
            keypoints=poses.keypoints[n],
            seen=poses.seen[n],
            box=poses.boxes[n],
            time=time,
            filtered=Filtered.fresh(poses.keypoints.shape[1]),
            velocity=np.zeros(2),
        )
        self._tracks.append(track)
        return track

    def _smoothed(self, poses: Poses, tracks: Sequence[_Track], time: float) -> Float[np.ndarray, "N K 2"]:
        """The filter has a state for each track, which goes with it; keypoints not seen neither feed it nor come from it."""
        if self.smoothing is None or not tracks:
            return poses.keypoints
        sizes = np.sqrt(_areas(poses.boxes))
        after = self.smoothing.step(Filtered.stacked([track.filtered for track in tracks]), poses.keypoints, poses.seen, sizes, time)
        for n, track in enumerate(tracks):
            track.filtered = after[n]
        return np.where(poses.seen[..., None], after.keypoints, poses.keypoints).astype(poses.keypoints.dtype)


def similarities(tracks: Sequence[_Track], poses: Poses, time: float) -> Float[np.ndarray, "T N"]:
    """0 to 1: how much each person of the frame looks like each track where that is expected."""
    if not tracks or not len(poses):
        return np.zeros((len(tracks), len(poses)))
    expected = [track.expected(time) for track in tracks]
    keypoints, boxes = np.stack([k for k, _ in expected]), np.stack([b for _, b in expected])
    both = np.stack([track.seen for track in tracks])[:, None] & poses.seen[None]  # (T, N, K)
    area = np.sqrt(_areas(boxes)[:, None] * _areas(poses.boxes)[None])  # of both: their geometric mean
    distance = ((keypoints[:, None] - poses.keypoints[None]) ** 2).sum(-1)
    near = np.exp(-distance / (2 * FALLOFF**2 * area[..., None]))
    pose = (near * both).sum(-1) / np.maximum(both.sum(-1), 1)
    weight = np.where(both.any(-1), POSE_WEIGHT, 0.0)
    similar: np.ndarray = weight * pose + (1 - weight) * _overlaps(boxes, poses.boxes)
    return similar


def _overlaps(one: Float[np.ndarray, "T 4"], other: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "T N"]:
    """Intersection over union of corner-based boxes."""
    sides = np.minimum(one[:, None, 2:], other[None, :, 2:]) - np.maximum(one[:, None, :2], other[None, :, :2])
    shared: np.ndarray = np.clip(sides, 0, None).prod(-1)
    union: np.ndarray = _areas(one)[:, None] + _areas(other)[None] - shared
    return np.asarray(shared / union)


def _areas(boxes: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, " N"]:
    """Square pixels, at least one, so that a box without extent divides nothing by zero."""
    areas: np.ndarray = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1)
    return np.asarray(np.maximum(areas, 1.0))
