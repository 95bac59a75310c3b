import time

import pytest

from glasspose.benchmarks.options import Options, threads_of
from glasspose.benchmarks.rounds import Ratio, Row, in_turns, ratio, told_in_turns
from glasspose.benchmarks.stopwatch import Stopwatch, replaced


def test_everything_is_done_in_turns_and_each_way_begins_a_round():
    done = []
    in_turns({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 2, time.perf_counter)
    assert "".join(done) == "baabba"


def test_a_ratio_is_taken_within_each_round():
    """A machine that is ten times slower in one round changes nothing."""
    seconds = {"plain": [2.0, 20.0, 2.0], "ours": [1.0, 10.0, 1.0]}
    assert ratio(seconds, "plain", "ours") == Ratio(median=2.0, quartiles=(2.0, 2.0), rounds=3)


def test_what_is_told_is_kept_by_name():
    assert told_in_turns({"a": lambda: 1.0, "b": lambda: 2.0}, 3) == {"a": [1.0] * 3, "b": [2.0] * 3}


@pytest.mark.parametrize(
    ("median", "goal", "at_most", "reached"), [(2, 2, False, True), (1.9, 2, False, False), (0.2, 0.25, True, True), (2, None, False, None)]
)
def test_a_goal_is_reached_from_the_right_side(median, goal, at_most, reached):
    row = Row(name="x", baseline="y", ratio=Ratio(median=median, quartiles=(1, 3), rounds=3), goal=goal, at_most=at_most)
    assert row.reached is reached
    assert row.to_json()["reached"] is reached


def test_threads_are_as_they_were_afterwards():
    import torch

    before = torch.get_num_threads()
    with threads_of(Options()):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    assert Options().clock is time.process_time
    assert Options(threads="all").clock is time.perf_counter


def test_a_stopwatch_counts_by_name_and_puts_everything_back():
    class Thing:
        @staticmethod
        def work(number):
            end = time.thread_time() + 0.02
            while time.thread_time() < end:
                pass
            return number + 1

    watch, original = Stopwatch(), Thing.work
    with replaced({(Thing, "work"): watch.watch("working", Thing.work)}):
        assert Thing.work(1) == 2
    assert Thing.work is original
    assert watch.seconds["working"] >= 0.02
    shares = watch.shares(2 * watch.seconds["working"], "rest")
    assert shares == {"working": pytest.approx(0.5, abs=0.01), "rest": pytest.approx(0.5, abs=0.01)}
