import pytest

import mutants


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.guard)
def test_what_is_switched_off_stands_once_and_so_does_the_test_that_notices(mutant):
    assert mutants.stale(mutant) == ""


def test_a_guard_that_moved_is_noticed():
    first = mutants.MUTANTS[0]
    assert "stands 0 times" in mutants.stale(first._replace(old="if nothing:"))
    assert "times in" in mutants.stale(first._replace(old="import "))
    assert "no test" in mutants.stale(first._replace(test="test_checkpoint.py::test_of_nothing"))


def test_every_guard_has_a_row_in_the_docs():
    table = mutants.PAGE.read_text().split(mutants.BEGIN)[1].split(mutants.END)[0]
    assert [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]] == [mutant.guard for mutant in mutants.MUTANTS]
