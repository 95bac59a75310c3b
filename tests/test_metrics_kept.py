import json

import numpy as np
import pytest

from glasspose.errors import InputError
from glasspose.metrics import Kept, kept_from_json, per_person


def kept():
    counted = np.array([[True, False, True], [True, True, False]])
    return Kept(
        image_ids=np.array([7, 8]),
        person_ids=np.array([1, 1]),
        scores={
            "pck@0.2": per_person(np.array([[1, 1, 0], [0, 1, 0]], bool), counted, ("a", "b", "c"), "keypoints"),
            "epe": per_person(np.array([[1.234, 5, 6], [7, 8, 9]]), counted, ("a", "b", "c"), "people", hits=False),
        },
    )


def test_what_is_kept_comes_back():
    plain = json.loads(json.dumps(kept().to_json()))
    assert plain["scores"]["pck@0.2"]["hits"] == ["1-0", "01-"]
    back = kept_from_json(plain, "x")
    for name, score in kept().scores.items():
        found = back.scores[name]
        assert (found.columns, found.average, found.hits) == (score.columns, score.average, score.hits)
        assert (found.counted == score.counted).all()
        assert np.where(found.counted, found.values, 0) == pytest.approx(score.values, abs=0.005)
    assert kept_from_json(back.to_json(), "x").to_json() == plain


def broken(**changes):
    plain = kept().to_json()
    for place, new in changes.items():
        *path, last = place.split("__")
        inner = plain
        for key in path:
            inner = inner[key]
        inner[last] = new
    return plain


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        "people",
        broken(image_ids=[7]),
        broken(image_ids=[7, 2**80]),
        broken(image_ids=[7, "8"]),
        broken(image_ids=[7, 7]),
        broken(image_ids=[], person_ids=[]),
        broken(scores=[]),
        broken(scores__epe={}),
        broken(scores__epe__average="median"),
        broken(scores__epe__columns=["a", "a", "b"]),
        broken(scores__epe__values=[[1, 2, 3]]),
        broken(scores__epe__values=[[1, 2, 3], [1, 2]]),
        broken(scores__epe__values=[[1, 2, 3], [1, 2, float("inf")]]),
        broken(scores__epe__values=[[1, 2, 3], [1, 2, "x"]]),
        broken(scores__epe__values=[[1, 2, 3], [1, 2, [3]]]),
        broken(scores__epe__values=3),
        broken(**{"scores__pck@0.2__hits": ["1-0", "012"]}),
        broken(**{"scores__pck@0.2__hits": ["1-0"]}),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(data):
    with pytest.raises(InputError, match="FILE: the people of this evaluation cannot be read") as problem:
        kept_from_json(data, "FILE")
    assert "\n" not in str(problem.value)
