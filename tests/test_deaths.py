"""Training that is killed, stopped, starved and cheated ends with the same bits as training that is left alone, or in one clear line."""

import random
import signal

import pytest
import yaml

from deaths_for_tests import POINTS, Deaths
from glasspose.checkpoint import LAST, has_checkpoint, load_checkpoint
from glasspose.configs.models import Hourglass
from recipes_for_tests import nano_recipe

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = Hourglass(input_size=(32, 32), channels=8, depth=1, stacks=1)
EPOCHS = 4
FILES = (LAST, "log.csv", "best.safetensors", "best.json")
"""Weights, optimiser state and sums; the log; the best weights and their card."""


@pytest.fixture(scope="module")
def deaths():
    server = Deaths()
    yield server
    server.close()


class Place:
    """A recipe, and the files of a run that was left alone."""

    def __init__(self, folder, deaths):
        self.folder, self.deaths, self.runs = folder, deaths, 0
        recipe = nano_recipe(folder, model=TINY, epochs=EPOCHS, ema=0.9, clip=1.0)
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
        self.train("whole")  # makes the pack
        self.code, _, self.said, self.seconds = self.train("again")
        self.whole = contents(folder / "again")
        assert self.whole == contents(folder / "whole")

    def train(self, name, *options, **how):
        return self.deaths.run("train", self.folder / "recipe.yaml", "--out", self.folder / name, "--packs", self.folder / "packs", *options, **how)

    def died_and_went_on(self, *options, **how):
        """A new run that dies as asked and is then resumed: where it died, and whether its files are those of the run left alone."""
        self.runs += 1
        name = f"run{self.runs}"
        code, place, _, _ = self.train(name, **how)
        self.dying = self.deaths.dying
        resume = ["--resume"] if has_checkpoint(self.folder / name) else []
        went_on, _, said, _ = self.train(name, *resume, *options)
        assert went_on == 0, said
        assert not list((self.folder / name).glob(".*.tmp"))
        return code, place, contents(self.folder / name) == self.whole


def contents(folder):
    """The card has the name of the run's folder, which is another for each run here."""
    return {name: (folder / name).read_bytes().replace(f'"name": "{folder.name}"'.encode(), b"") for name in FILES}


@pytest.fixture(scope="module")
def place(tmp_path_factory, deaths):
    return Place(tmp_path_factory.mktemp("deaths"), deaths)


def killed(place, count, chance, draw):
    """Runs that die as `draw` says, until so many processes were met alive; each went on to the same bits."""
    met = tried = 0
    while met < count:
        how = draw(chance)
        code, where, same = place.died_and_went_on(**how)
        assert code in (0, -signal.SIGKILL)  # 0: it had ended already, or its epoch has no such point
        assert same, f"killed by {how} ({where}): other bits than the run that was left alone"
        met, tried = met + (code == -signal.SIGKILL), tried + 1
        assert tried < 3 * count + 10
    print(f"{met} of {tried} runs met alive and killed, all resumed to the same bits")


def at_a_moment(place):
    return lambda chance: {"after": chance.uniform(0, place.seconds)}


def at_a_point(chance):
    return {"at": chance.choice(list(POINTS)), "epoch": chance.randint(1, EPOCHS)}


@pytest.mark.parametrize("at", POINTS)
def test_a_run_killed_where_it_hurts_goes_on_to_the_same_bits(place, at):
    assert place.died_and_went_on(at=at, epoch=2)[::2] == (-signal.SIGKILL, True)


def test_a_run_killed_at_random_moments_goes_on_to_the_same_bits(place):
    killed(place, 3, random.Random(0), at_a_moment(place))


@pytest.mark.nightly
@pytest.mark.timeout(2400)
def test_twenty_random_kills(place):
    killed(place, 10, random.Random(1), at_a_point)
    killed(place, 10, random.Random(2), at_a_moment(place))


@pytest.mark.release
@pytest.mark.timeout(20000)
def test_two_hundred_random_kills(place):
    killed(place, 60, random.Random(3), at_a_point)
    killed(place, 140, random.Random(4), at_a_moment(place))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_keeps_a_checkpoint_within_ten_seconds(place, number, code):
    found, _, same = place.died_and_went_on(reached="step 1", by=number)
    assert (found, same) == (code, True)
    print(f"T2: ended {place.dying:.2f} s after signal {number}")
    assert place.dying < 10


def test_a_full_disk_ends_in_one_line_and_the_last_checkpoint_loads(place):
    limit = (place.folder / "again" / LAST).stat().st_size - 1000
    code, _, said, _ = place.train("full", file_limit=limit)
    assert code == 5
    assert "Traceback" not in said
    assert "cannot write" in said.splitlines()[-1]
    assert "needed" in said.splitlines()[-1]
    assert not list((place.folder / "full").glob(".*.tmp"))


def test_a_disk_that_fills_up_later_costs_one_epoch(place):
    place.train("later", at="in validation", epoch=3)
    limit = (place.folder / "later" / LAST).stat().st_size  # the next one is longer: its history has one row more
    code, _, said, _ = place.train("later", "--resume", file_limit=limit)
    assert (code, "cannot write" in said) == (5, True)
    assert load_checkpoint(place.folder / "later")[1]["epoch"] == 2
    assert place.train("later", "--resume")[0] == 0
    assert contents(place.folder / "later") == place.whole
