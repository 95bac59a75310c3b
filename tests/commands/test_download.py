import json
from pathlib import Path

import pytest

from archives_for_tests import GOOD, zipped
from commands_for_tests import fails
from glasspose.data.origins import ORIGINS
from servers_for_tests import serving

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.mark.parametrize("dataset", ORIGINS)
def test_the_plan_says_what_and_on_what_terms_and_does_nothing(told, dataset):
    code, out, _ = told("data", "download", dataset, "[red]data", "--plan")
    assert code == 0
    assert all(archive.name in out for archive in ORIGINS[dataset].archives)
    assert ORIGINS[dataset].terms in out
    assert not Path("[red]data").exists()


def test_a_dataset_comes_from_a_mirror_and_is_there_the_next_time(told):
    with serving({"sets/lspet_dataset.zip": zipped(GOOD)}) as (address, manners):
        words = ("data", "download", "lspet", "[red]lspet", "--mirror", f"{address}/sets")
        code, out, _ = told(*words)
        assert code == 0
        assert "lspet_dataset.zip: 3 files" in out
        assert "[red]lspet/joints.mat" in out
        code, out, _ = told(*words)
        assert (code, len(manners.asked)) == (0, 1)
        assert "complete already" in out
    assert json.loads(Path("[red]lspet/SOURCES.json").read_text())["archives"]["lspet_dataset.zip"]["complete"]
    assert Path("[red]lspet/images/im00001.jpg").read_bytes() == GOOD["images/im00001.jpg"]


def test_what_no_program_can_fetch_is_missing(told):
    code, _, err = told("data", "download", "flic", "flic")
    fails((code, "", err), 6, "FLIC.zip", "https://bensapp.github.io/flic-dataset.html", "run this again")


def test_other_content_is_unusable_input(told):
    with serving({"val2017.zip": zipped(GOOD)}) as (address, _):
        fails(told("data", "download", "coco", "coco", "--only", "val", "--mirror", address), 5, "val2017.zip", "815585330")


@pytest.mark.parametrize(
    "words",
    [("coco", "d", "--only", "labels"), ("coco", "d", "--sha256", "ab" * 32), ("lsp", "d", "--mirror", "http://example.org/")],
)
def test_what_makes_no_sense_is_usage(told, words):
    fails(told("data", "download", *words), 2)


def test_an_unknown_dataset_is_usage(told):
    assert told("data", "download", "imagenet", "d")[0] == 2


def test_a_path_that_is_a_file(told):
    Path("taken").write_text("x")
    fails(told("data", "download", "lsp", "taken"), 5, "taken")
