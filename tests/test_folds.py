import json

import numpy as np
import pytest

from glasspose import folds
from glasspose.configs.data import DrawnPeople
from glasspose.data.drawn_people import read_drawn_people
from glasspose.errors import UsageError
from glasspose.folds import train_folds
from recipes_for_tests import nano_recipe

COUNT = 14


pytestmark = pytest.mark.usefixtures("one_thread")


def recipe_of(tmp_path, **changes):
    people = DrawnPeople(count=COUNT, folder=tmp_path / "drawn", size=(96, 128))
    return nano_recipe(tmp_path, data=people, epochs=1, batch=4, **changes)


def go(tmp_path, **named):
    return train_folds(recipe_of(tmp_path), 2, out=tmp_path / "out", packs=tmp_path / "packs", **named)


def test_everybody_is_predicted_once_by_a_network_that_never_saw_him(tmp_path, monkeypatch):
    seen, real = [], folds.fit

    def fit(recipe, samples, validation, *rest, **named):
        seen.append(({int(samples.packs[n].person_ids[p]) for n, p in samples.places}, {p for _, p in validation.places}))
        return real(recipe, samples, validation, *rest, **named)

    monkeypatch.setattr(folds, "fit", fit)
    trained = go(tmp_path)
    content = json.loads(trained.predictions.read_text())
    people = read_drawn_people(recipe_of(tmp_path).data).annotations
    assert (content["format"], content["folds"], trained.people) == ("glasspose.out_of_fold", 2, COUNT)
    assert sorted(person["person_id"] for person in content["people"]) == sorted(person.person_id for person in people)
    for person in content["people"]:
        assert person["person_id"] not in seen[person["fold"]][0]
        assert person["person_id"] in seen[1 - person["fold"]][0]
    assert [len(taught | {people[p].person_id for p in held_out}) for taught, held_out in seen] == [COUNT, COUNT]
    assert 0 <= trained.pck <= 1


def test_keypoints_are_image_pixels(tmp_path, monkeypatch):
    """A network that answers with the truth of its input gives the labels back."""
    real = folds.judge

    def judge(*arguments, **named):
        judged = real(*arguments, **named)
        judged.keypoints[:, -1] = judged.truth
        return judged

    monkeypatch.setattr(folds, "judge", judge)
    content = json.loads(go(tmp_path).predictions.read_text())
    people = {person.person_id: person for person in read_drawn_people(recipe_of(tmp_path).data).annotations}
    for found in content["people"]:
        person = people[found["person_id"]]
        assert found["image_id"] == person.image_id
        assert np.array(found["keypoints"])[person.labelled] == pytest.approx(person.keypoints[person.labelled], abs=0.01)


def test_folds_that_were_broken_off_go_on_to_the_same_answer(tmp_path, monkeypatch):
    whole = go(tmp_path).predictions.read_text()
    (tmp_path / "out/out_of_fold.json").unlink()
    with pytest.raises(UsageError, match="--resume"):
        go(tmp_path)
    (tmp_path / "out/fold0/last.ckpt").rename(tmp_path / "out/fold0/previous.ckpt")
    monkeypatch.setattr(folds, "fit", lambda *rest, resume, **named: resume or pytest.fail("begins anew"))
    assert go(tmp_path, resume=True).predictions.read_text() == whole


def test_one_fold_leaves_nothing_to_predict(tmp_path):
    with pytest.raises(UsageError, match="two or more"):
        train_folds(recipe_of(tmp_path), 1, out=tmp_path / "out", packs=tmp_path / "packs")
