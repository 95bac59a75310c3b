import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspose.errors import UsageError
from glasspose.skeletons import COCO, LSP
from glasspose.structures import Poses
from glasspose.tracking import Filtered, OneEuro, Tracker

RATE = 30
POINTS = np.random.default_rng(1).random((14, 2))
WALKER = (POINTS - POINTS.min(0)) / np.ptp(POINTS, axis=0) * [80, 200]
"""A pose of 80 x 200 pixels."""
FACING = WALKER * [-1, 1] + [80, 0]
"""The same, mirrored: the pose of someone who goes the other way."""


def frame(*people, seen=None, skeleton=LSP):
    """Poses of people given by their keypoints, with the box around each."""
    keypoints = np.array(people, float).reshape(-1, len(skeleton), 2)
    seen = np.ones(keypoints.shape[:2], bool) if seen is None else np.array(seen)
    return Poses(
        keypoints=keypoints,
        scores=np.full(keypoints.shape[:2], 0.9),
        seen=seen,
        boxes=np.concatenate([keypoints.min(1), keypoints.max(1) + 1], axis=1),
        person_scores=np.full(len(keypoints), 0.9),
        skeleton=skeleton,
        size=(480, 640),
    )


def at(x, y=0.0, pose=WALKER):
    return np.add(pose, (x, y))


def ids(tracker, frames):
    return [list(tracker.update(poses, i / RATE).track_ids) for i, poses in enumerate(frames)]


def test_people_keep_their_numbers_whatever_their_order():
    rng = np.random.default_rng(0)
    tracker = Tracker()
    for i in range(20):
        order = rng.permutation(3)
        poses = tracker.update(frame(*(at(150 * n + 2 * i) for n in order)), i / RATE)
        numbers = dict(zip(order.tolist(), poses.track_ids, strict=True))
        first = first if i else numbers
        assert numbers == first


@pytest.mark.parametrize("step", [2, 6, 12])
def test_two_who_cross_keep_their_numbers_as_their_poses_say(step):
    frames = [frame(at(step * i), at(300 - step * i, pose=FACING)) for i in range(300 // step)]
    assert ids(Tracker(), frames) == [[1, 2]] * len(frames)


def test_two_of_the_same_pose_who_cross_go_on_as_before():
    frames = [frame(at(6 * i), at(303 - 6 * i)) for i in range(50)]
    assert ids(Tracker(), frames) == [[1, 2]] * len(frames)


def test_poses_decide_where_boxes_are_the_same():
    tracker = Tracker(smoothing=None)
    both = frame(WALKER, FACING)
    one = np.tile(both.boxes.mean(0), (2, 1))
    tracker.update(replace(both, boxes=one), 0.0)
    swapped = tracker.update(replace(frame(FACING, WALKER), boxes=one), 1 / RATE)
    assert swapped.track_ids == [2, 1]


def test_boxes_alone_decide_where_no_keypoint_is_seen_in_both():
    even, odd = np.arange(14) % 2 == 0, np.arange(14) % 2 == 1
    tracker = Tracker()
    tracker.update(frame(at(0), at(300), seen=[even, even]), 0.0)
    assert tracker.update(frame(at(345), at(45), seen=[odd, odd]), 1 / RATE).track_ids == [2, 1]


def test_keypoints_that_are_not_seen_say_nothing():
    """Someone's unseen keypoints are guessed where those of the other were."""
    seen = np.arange(14) < 4
    both = frame(WALKER, FACING)
    box = both.boxes[:1]
    tracker = Tracker()
    tracker.update(replace(both, boxes=np.tile(box, (2, 1))), 0.0)
    poses = replace(frame(np.where(seen[:, None], WALKER, FACING), seen=[seen]), boxes=box)
    assert tracker.update(poses, 1 / RATE).track_ids == [1]


def test_someone_who_moves_by_a_fifth_of_their_height_in_a_frame_keeps_the_number():
    assert ids(Tracker(), [frame(at(0)), frame(at(40))]) == [[1], [1]]


def test_someone_who_stops_while_out_of_sight_is_found_again():
    walk = [frame(at(6 * i)) for i in range(20)]
    assert ids(Tracker(), [*walk, *[frame()] * 25, frame(at(6 * 19))])[-1] == [1]


@pytest.mark.parametrize(("gap", "number"), [(4, 1), (5, 2)])
def test_patience_counts_the_frames_that_someone_is_lost(gap, number):
    tracker = Tracker(patience=4)
    frames = [frame(at(0)), *[frame()] * gap, frame(at(0))]
    assert ids(tracker, frames)[-1] == [number]


def test_someone_else_at_another_place_gets_a_new_number():
    assert ids(Tracker(), [frame(at(0)), frame(at(400)), frame(at(0), at(400))]) == [[1], [2], [1, 2]]


def test_numbers_of_people_change_and_nobody_is_an_answer():
    frames = [frame(), frame(at(0)), frame(at(0), at(200)), frame(at(200)), frame(), frame(at(200), at(0), at(400))]
    assert ids(Tracker(), frames) == [[], [1], [1, 2], [2], [], [2, 1, 3]]
    nobody = Tracker().update(frame(), 0.0)
    assert nobody.keypoints.shape == (0, 14, 2)


def test_a_time_before_the_last_starts_a_new_video():
    tracker = Tracker()
    numbers = [tracker.update(frame(at(x)), time).track_ids for x, time in ((0, 1.0), (2, 1.1), (4, 0.2), (6, 0.3))]
    assert numbers == [[1], [1], [2], [2]]
    assert np.allclose(tracker.update(frame(at(6)), 0.1).keypoints[0], at(6))


def test_the_same_time_again_is_the_same_moment():
    tracker = Tracker()
    tracker.update(frame(at(0)), 1.0)
    again = tracker.update(frame(at(5)), 1.0)
    assert again.track_ids == [1]
    assert np.allclose(again.keypoints[0], at(0))
    later = tracker.update(frame(at(5)), 1.0 + 1 / RATE).keypoints[0, 0, 0] - WALKER[0, 0]
    assert 0 < later < 5


@pytest.mark.parametrize("time", [math.nan, math.inf])
def test_a_time_that_is_no_number_is_refused(time):
    with pytest.raises(UsageError, match="seconds"):
        Tracker().update(frame(at(0)), time)


def test_another_skeleton_in_the_same_video_is_refused():
    tracker = Tracker()
    tracker.update(frame(at(0)), 0.0)
    with pytest.raises(UsageError, match="tracker of lsp got poses of coco"):
        tracker.update(frame(np.zeros((17, 2)), skeleton=COCO), 0.1)


def test_what_comes_in_is_not_changed_and_the_rest_comes_out_as_it_was():
    tracker, poses = Tracker(), frame(at(0), seen=[np.arange(14) > 2])
    before = poses.keypoints.copy()
    for i in range(3):
        answer = tracker.update(poses, i / RATE)
    assert np.array_equal(poses.keypoints, before)
    assert poses.track_ids is None
    assert answer.boxes is poses.boxes
    assert answer.seen is poses.seen


def smoothed(positions, seen=None, **options):
    """One person whose keypoints all move along x; what the tracker makes of it."""
    tracker = Tracker(smoothing=OneEuro(**options), similarity=0.0)
    shown = [True] * len(positions) if seen is None else seen
    frames = [frame(at(x), seen=[[s] * 14]) for x, s in zip(positions, shown, strict=True)]
    return np.array([tracker.update(poses, i / RATE).keypoints[0, 0, 0] - WALKER[0, 0] for i, poses in enumerate(frames)])


def test_trembling_shrinks_to_less_than_half():
    """Noise of 2 pixels on a person of 80 x 200: what is left at rest."""
    rng = np.random.default_rng(0)
    tracker = Tracker()
    noisy = [at(0) + rng.normal(0, 2, (14, 2)) for _ in range(120)]
    calm = np.array([tracker.update(frame(person), i / RATE).keypoints[0] for i, person in enumerate(noisy)])
    assert (calm[30:] - at(0)).std() < 0.5 * (np.array(noisy)[30:] - at(0)).std()
    assert np.diff(calm[30:], axis=0).std() < 0.25 * np.diff(np.array(noisy)[30:], axis=0).std()


def test_a_step_is_followed_within_a_tenth_of_a_second():
    """90 per cent of a jump of half the person's size, three frames later."""
    jump = np.array([0.0] * 10 + [60.0] * 10)
    assert smoothed(jump)[12] > 54.0


def test_someone_who_walks_is_less_than_two_frames_behind():
    walk = 4.0 * np.arange(40)
    assert np.all(walk[10:] - smoothed(walk)[10:] < 8.0)


def test_the_filter_is_that_of_the_paper():
    """Casiez et al., algorithm 1, written out for one coordinate."""
    values, size = [0.0, 3.0, 4.0, 10.0, 9.0], math.sqrt(np.prod(np.ptp(WALKER, axis=0) + 1))

    def alpha(cutoff):
        return 1 / (1 + RATE / (2 * math.pi * cutoff))

    x, speed, expected = values[0], 0.0, [values[0]]
    for value in values[1:]:
        speed += alpha(1.5) * ((value - x) * RATE - speed)
        x += alpha(0.8 + 2.0 * abs(speed) / size) * (value - x)
        expected.append(x)
    assert np.allclose(smoothed(values, minimum_cutoff=0.8, beta=2.0, derivative_cutoff=1.5), expected)


def test_unseen_keypoints_neither_feed_the_filter_nor_come_from_it():
    found = smoothed([0.0, 0.0, 50.0, 0.0], seen=[True, True, False, True])
    assert np.allclose(found, [0.0, 0.0, 50.0, 0.0])


def test_a_keypoint_first_seen_later_starts_where_it_is():
    assert np.allclose(smoothed([0.0, 30.0, 30.0], seen=[False, True, True]), [0.0, 30.0, 30.0])


def test_smoothing_never_mixes_people_who_change_places_in_the_list():
    tracker = Tracker()
    for i in range(20):
        people = [at(0), at(100, pose=FACING)]
        poses = tracker.update(frame(*(people if i % 2 else people[::-1])), i / RATE)
    assert np.array_equal(poses.keypoints, np.array(people))


def test_a_newcomer_starts_with_a_filter_of_their_own():
    tracker = Tracker(patience=0)
    for i, poses in enumerate([frame(at(0)), frame(), frame(at(50))]):
        last = tracker.update(poses, i / RATE)
    assert last.track_ids == [2]
    assert np.array_equal(last.keypoints[0], at(50))


def test_without_smoothing_keypoints_stay_as_they_are():
    tracker = Tracker(smoothing=None)
    rng = np.random.default_rng(0)
    for i in range(5):
        poses = frame(at(0) + rng.normal(0, 2, (14, 2)))
        assert tracker.update(poses, i / RATE).keypoints is poses.keypoints


def test_the_number_type_of_keypoints_is_kept():
    poses = frame(at(0))
    assert Tracker().update(replace(poses, keypoints=poses.keypoints.astype(np.float32)), 0.0).keypoints.dtype == np.float32


def test_boxes_without_extent_are_people_too():
    poses = replace(frame(at(0), at(300)), boxes=np.zeros((2, 4)))
    assert np.isfinite(Tracker().update(poses, 0.0).keypoints).all()
    assert ids(Tracker(), [poses, poses]) == [[1, 2], [1, 2]]


@pytest.mark.parametrize("options", [{"minimum_cutoff": 0}, {"beta": -1}, {"derivative_cutoff": math.nan}])
def test_a_filter_that_cannot_filter_is_refused(options):
    with pytest.raises(UsageError, match="cannot filter"):
        OneEuro(**options)


def test_all_people_at_once_are_filtered_as_each_alone():
    rng = np.random.default_rng(0)
    points, seen, sizes = rng.normal(0, 50, (6, 4, 14, 2)), rng.random((6, 4, 14)) < 0.7, rng.uniform(20, 300, 4)
    together = Filtered.stacked([Filtered.fresh(14)] * 4)
    alone = [Filtered.stacked([Filtered.fresh(14)])] * 4
    for i in range(6):
        together = OneEuro().step(together, points[i], seen[i], sizes, i / RATE)
        alone = [OneEuro().step(alone[n], points[i, n : n + 1], seen[i, n : n + 1], sizes[n : n + 1], i / RATE) for n in range(4)]
    assert np.array_equal(together.keypoints, np.concatenate([person.keypoints for person in alone]))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.tuples(st.floats(-100, 700), st.floats(-100, 500)), max_size=5), max_size=8), st.lists(st.floats(-2, 2), min_size=8))
def test_every_frame_gets_as_many_numbers_as_people_none_twice_and_finite_keypoints(places, times):
    tracker, known = Tracker(patience=2), set()
    for people, time in zip(places, times, strict=False):
        poses = tracker.update(frame(*(at(x, y) for x, y in people)), time)
        assert len(set(poses.track_ids)) == len(poses) == len(people)
        assert np.isfinite(poses.keypoints).all()
        fresh = set(poses.track_ids) - known
        assert all(number > max(known, default=0) for number in fresh)
        known |= fresh
