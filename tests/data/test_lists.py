import json

import numpy as np
import pytest

from glasspose.configs.data import DrawnPeople, described
from glasspose.configs.training import Packing, validation_data
from glasspose.data import read
from glasspose.data.lists import Listed, people_json, read_people, weights_for
from glasspose.data.loading import PackedPeople
from glasspose.data.packing import pack, pack_folder
from glasspose.errors import AnnotationError
from recipes_for_tests import nano_recipe


@pytest.fixture
def drawn(tmp_path):
    return DrawnPeople(count=8, folder=tmp_path / "drawn")


def key(person):
    return (person.image_id, person.person_id)


def written(tmp_path, people, name="list.json"):
    path = tmp_path / name
    path.write_bytes(people_json(people, source="a test"))
    return path


def listed(people, weight=1.0):
    return [Listed(image=image, person=person, weight=weight, reason="why") for image, person in people]


def test_a_list_is_read_as_it_was_written(tmp_path):
    people = listed([(3, 1), (4, 2)], 2.5)
    assert list(read_people(written(tmp_path, people)).values()) == people


def test_who_is_listed_is_not_read_and_packed_under_another_name(tmp_path, drawn):
    everybody = read(drawn)
    gone = [key(everybody.annotations[i]) for i in (1, 5)]
    fewer = read(drawn.model_copy(update={"leave_out": written(tmp_path, listed(gone))}))
    assert [key(p) for p in fewer.annotations] == [key(p) for p in everybody.annotations if key(p) not in gone]
    assert fewer.name == everybody.name
    assert pack_folder(tmp_path, fewer, Packing()) != pack_folder(tmp_path, everybody, Packing())


def test_the_people_who_judge_are_always_all_there(tmp_path, drawn):
    recipe = nano_recipe(tmp_path, data=drawn.model_copy(update={"leave_out": tmp_path / "list.json"}))
    assert validation_data(recipe) == drawn.model_copy(update={"split": "val"})


def test_an_evaluation_tells_a_list_by_its_content(tmp_path, drawn):
    assert "leave_out" not in described(drawn)
    first, same, other = (
        described(drawn.model_copy(update={"leave_out": written(tmp_path, listed(people), name)}))
        for name, people in (("a.json", [(1, 1)]), ("b.json", [(1, 1)]), ("c.json", [(2, 2)]))
    )
    assert first == same != other


def test_weights_belong_to_the_people_of_the_first_pack(tmp_path, drawn):
    packed = pack(read(drawn), tmp_path / "pack", Packing(size=64))
    first = (int(packed.image_ids[2]), int(packed.person_ids[2]))
    weights = weights_for(written(tmp_path, listed([first], 3.0)), packed)
    people = PackedPeople([packed, packed], (64, 64), chosen=[2, 4], weights=weights)
    assert [float(people[0, i]["weight"]) for i in range(len(people))] == [3.0, 1.0] + [1.0] * len(packed)
    assert people[0, -1]["weight"].dtype == np.float32


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x80\x04", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a list of people"),
        (b'{"format": "glasspose.people", "version": 2, "people": []}', "not a list of people"),
        ([{"image": 1}], "whole numbers"),
        ([{"image": True, "person": 1}], "whole numbers"),
        ([{"image": 10**30, "person": 1}], "whole numbers"),
        ([{"image": 1, "person": 1, "weight": -1}], "not a number from 0"),
        ([{"image": 1, "person": 1, "weight": float("nan")}], "not a number from 0"),
        ([{"image": 1, "person": 1, "weight": 10**400}], "not a number from 0"),
        ([{"image": 1, "person": 1, "weight": "2"}], "not a number from 0"),
        ([{"image": 1, "person": 1, "reason": 2}], "not a text"),
        ([{"image": 1, "person": 1, "wieght": 2}], "not an entry"),
        ([7], "not an entry"),
        ([{"image": 1, "person": 1}] * 2, "twice"),
    ],
)
def test_other_content_is_refused_in_one_line(tmp_path, content, said):
    path = tmp_path / "list.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps({"format": "glasspose.people", "version": 1, "people": content}).encode())
    with pytest.raises(AnnotationError, match=said):
        read_people(path)


def test_a_list_of_other_people_is_noticed(tmp_path, drawn):
    strangers = written(tmp_path, listed([(10**9, 1)]))
    with pytest.raises(AnnotationError, match="names nobody in drawn_people"):
        read(drawn.model_copy(update={"leave_out": strangers}))
    packed = pack(read(drawn), tmp_path / "pack", Packing(size=64))
    with pytest.raises(AnnotationError, match="names nobody in drawn_people"):
        weights_for(strangers, packed)
    nothing = written(tmp_path, listed(zip(packed.image_ids.tolist(), packed.person_ids.tolist(), strict=True), 0.0))
    with pytest.raises(AnnotationError, match="weight 0"):
        weights_for(nothing, packed)
    with pytest.raises(AnnotationError, match="is not there"):
        read_people(tmp_path / "nowhere.json")
