"""What `data stats` counts, and its figure."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from glasspose.configs.data import Lspet
from glasspose.data.lsp import read_lspet
from glasspose.data.statistics import figure, summarise
from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation, Dataset

STICK = Skeleton(name="stick", keypoints=("top", "end"), torso=(0, 1))


def person(image: str, labelled=(1, 1), occluded=(0, 0), size=10.0, **more):
    flags = {"labelled": np.array(labelled, bool), "occluded": np.array(occluded, bool)}
    place = {"image": Path(image), "keypoints": np.ones((2, 2)), "box": np.array([0, 0, size / 2, size]), "area": 1.0, "image_id": 1, "person_id": 1}
    return Annotation(**(flags | place | more))


@pytest.fixture
def dataset():
    people = [
        person("a", size=10, torso=2.0),
        person("a", occluded=(1, 0), size=20, torso=2.0),
        person("b", labelled=(1, 0), occluded=(0, 1), size=30),
        person("c", labelled=(0, 0), size=40),
        person("c", crowd=True, size=900),
    ]
    return Dataset(name="sticks", skeleton=STICK, annotations=people)


def test_people_images_and_crowds_are_counted(dataset):
    found = summarise(dataset)
    assert (found.people, found.images, found.crowds) == (4, 3, 1)
    assert found.people_of_image == {1: 2, 2: 1}
    assert found.keypoints_of_person == {0: 1, 1: 1, 2: 2}
    assert found.empty == 1 / 4


def test_shares_of_keypoints(dataset):
    found = summarise(dataset)
    assert found.labelled == {"top": 3 / 4, "end": 2 / 4}
    assert found.occluded == {"top": 1 / 3, "end": 0}
    assert found.without_torso == 2 / 4
    assert found.without_head is None


def test_sizes_are_percentiles_of_the_longer_side(dataset):
    found = summarise(dataset)
    assert found.sizes[50] == 25
    assert found.sizes[1] == pytest.approx(10.3)


def test_statistics_are_plain_json(dataset):
    data = json.loads(json.dumps(summarise(dataset).to_json()))
    assert (data["format"], data["version"], data["people_of_image"]) == ("glasspose.statistics", 1, {"1": 2, "2": 1})


def test_nobody_is_an_answer():
    empty = Dataset(name="empty", skeleton=STICK, annotations=[])
    assert summarise(empty).sizes == {}
    assert summarise(empty).labelled == {"top": 0, "end": 0}
    figure(empty).savefig(io.BytesIO())


def test_the_figure_shows_the_counts(dataset):
    drawn = figure(dataset)
    keypoints, sizes, crowding, completeness = drawn.axes
    assert [bar.get_width() for bar in keypoints.containers[1]] == [0, pytest.approx(25)]
    assert sum(bar.get_height() for bar in sizes.patches) == 4
    assert [bar.get_height() for bar in crowding.patches] == [2, 1]
    assert [bar.get_height() for bar in completeness.patches] == [1, 1, 2]
    drawn.savefig(file := io.BytesIO(), format="png")
    assert file.getvalue().startswith(b"\x89PNG")


@pytest.mark.data
def test_lspet_lacks_the_torso_of_a_quarter(data_root):
    found = summarise(read_lspet(Lspet(root=data_root / "lspet", split="val")))
    assert found.people == found.images == 500
    assert found.without_torso == pytest.approx(0.29, abs=0.01)
    assert 100 < found.sizes[50] < 140
