import csv

import pytest

from glasspose.logbook import Logbook

ROWS = [
    {
        "epoch": e,
        "rate": 1e-3 / e,
        "train/loss": 0.1 / e,
        "train/zero_loss": 0.4,
        "train/pck": 0.2 * e,
        "validation/loss": 0.3,
        "validation/pck": 0.1 + 0.2,
    }
    for e in (1, 2)
]


def book(folder, active=True, start=0):
    return Logbook(folder, active=active, start=start, epochs=2, steps=3)


def curves(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_rows_come_back_as_the_numbers_they_were(tmp_path):
    with book(tmp_path) as log:
        log.epoch(ROWS[:1])
        log.epoch(ROWS)
    read = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [{key: float(value) for key, value in row.items()} for row in read] == ROWS


def test_the_file_does_not_depend_on_how_often_a_run_was_broken_off(tmp_path):
    with book(tmp_path / "whole") as log:
        log.epoch(ROWS[:1])
        log.epoch(ROWS)
    with book(tmp_path / "broken") as log:
        log.epoch(ROWS[:1])
    (tmp_path / "broken/log.csv").write_text("half a row")
    with book(tmp_path / "broken", start=3) as log:
        log.epoch(ROWS)
    assert (tmp_path / "broken/log.csv").read_bytes() == (tmp_path / "whole/log.csv").read_bytes()


@pytest.mark.filterwarnings("ignore")
def test_curves_are_written(tmp_path):
    with book(tmp_path) as log:
        log.epoch(ROWS[:1])
        log.epoch(ROWS)
    found = curves(tmp_path)
    assert set(found) == set(ROWS[0])
    assert [step for step, _ in found["train/loss"]] == [1, 2]
    assert [value for _, value in found["train/loss"]] == pytest.approx([0.1, 0.05])


def test_the_other_processes_are_silent_and_write_nothing(tmp_path, capfd):
    with book(tmp_path, active=False) as log:
        log.say("hello")
        log.step(0, 0.5, 1e-3)
        log.epoch(ROWS)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_what_is_said_goes_to_stderr(tmp_path, capfd):
    with book(tmp_path) as log:
        log.say("Stopped [in] epoch 1")
        log.step(0, 0.5, 1e-3)
        log.epoch(ROWS[:1])
    out, said = capfd.readouterr()
    assert out == ""
    assert "Stopped [in] epoch 1" in said
    assert "epoch 1/2  train loss 0.1 (0.4 is an empty answer), PCK@0.2 0.200  validation loss 0.3, PCK@0.2 0.300" in said
