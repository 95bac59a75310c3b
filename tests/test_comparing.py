import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from glasspose.comparing.comparison import comparison
from glasspose.comparing.figures import curve, figure, turning_point
from glasspose.comparing.subjects import Subject, read_log, read_subject
from glasspose.comparing.tables import COLUMNS, csv_text, markdown, plain
from glasspose.configs.data import DrawnPeople
from glasspose.errors import InputError, UsageError
from glasspose.metrics import Kept, per_person
from glasspose.metrics.significance import welch_p
from recipes_for_tests import nano_recipe

COLUMNS_OF_PEOPLE = ("left_wrist", "right_wrist", "nose")


def hits(seed, share=0.6, n=200):
    """Right by chance, about two people a picture."""
    rng = np.random.default_rng(seed)
    return rng.random((n, 3)) < share


def subject(name, values, counted=None, *, average="keypoints", images=None, recipe=None, data=None, columns=COLUMNS_OF_PEOPLE):
    n = len(values)
    counted = np.ones(values.shape, bool) if counted is None else counted
    kept = Kept(
        image_ids=np.arange(n) // 2 if images is None else images,
        person_ids=np.arange(n),
        scores={"pck@0.2": per_person(values, counted, columns, average)},
    )
    return Subject(name=name, data=data or {"kind": "lspet", "split": "val"}, kept=kept, recipe=recipe)


def cells(found, score="pck@0.2"):
    return [row.cells[score] for row in found.rows]


def test_numbers_by_hand():
    first = np.array([[1, 0, 1], [1, 1, 0]], bool)
    second = np.array([[0, 0, 0], [1, 1, 0]], bool)
    counted = np.array([[1, 1, 1], [1, 0, 0]], bool)
    a, b = cells(comparison([subject("a", first, counted), subject("b", second, counted)]))
    assert a.value == pytest.approx((1 + 0 + 1) / 3)
    assert b.value == pytest.approx((0.5 + 0 + 0) / 3)
    assert b.difference == pytest.approx(-0.5)
    assert (a.difference, a.p) == (None, None)


@pytest.mark.parametrize("average", ["keypoints", "joints", "people", "everybody", "pairs"])
def test_a_network_does_not_differ_from_itself(average):
    values, counted = hits(0), hits(1, 0.8)
    a, b = cells(comparison([subject("a", values, counted, average=average), subject("b", values, counted, average=average)]))
    assert (b.difference, b.difference_interval, b.p) == (0.0, (0.0, 0.0), 1.0)
    assert a.interval == b.interval


@pytest.mark.parametrize("average", ["keypoints", "joints", "people", "everybody", "pairs"])
def test_what_images_add_is_the_average(average):
    """The difference that is tested is the difference that is printed: swapping whole images swaps the sign."""
    from glasspose.comparing.comparison import _sampled
    from glasspose.comparing.pairing import pair

    paired = pair([subject("a", hits(0), hits(1, 0.7), average=average)])
    sampled = _sampled(paired.scores["pck@0.2"], paired)
    assert sampled.shares.sum() == pytest.approx(sampled.values[0])


def test_chance_is_seldom_taken_for_a_difference():
    """Two networks that are right equally often, 100 times: at most 5 % and a margin of three standard errors are called different."""
    found = 0
    for seed in range(100):
        a, b = hits((seed, 0), n=60), hits((seed, 1), n=60)
        found += cells(comparison([subject("a", a), subject("b", b)]))[1].p <= 0.05
    assert found <= 5 + 3 * np.sqrt(100 * 0.05 * 0.95)


def test_five_points_are_found():
    """One keypoint in twenty becomes right, none wrong, on 400 people."""
    worse = hits(0, 0.6, 400)
    better = worse | (np.random.default_rng(1).random(worse.shape) < 0.125)
    b = cells(comparison([subject("a", worse), subject("b", better)]))[1]
    assert 0.03 < b.difference < 0.07
    assert b.p < 0.01
    low, high = b.difference_interval
    assert 0 < low < b.difference < high


def test_pairing_sees_what_separate_intervals_do_not():
    worse = hits(0, 0.6, 200)
    better = worse | (np.random.default_rng(1).random(worse.shape) < 0.1)
    a, b = cells(comparison([subject("a", worse), subject("b", better)]))
    assert a.interval[1] > b.interval[0]
    assert b.p < 0.05


def test_more_rows_make_a_finding_harder():
    worse = hits(0, 0.6, 200)
    better = worse | (np.random.default_rng(1).random(worse.shape) < 0.04)
    others = [subject(f"c{i}", hits(10 + i, 0.6)) for i in range(4)]
    alone = cells(comparison([subject("a", worse), subject("b", better)]))[1].p
    among = cells(comparison([subject("a", worse), subject("b", better), *others]))[1].p
    assert among == pytest.approx(min(1.0, 5 * alone))


def test_people_of_one_picture_count_as_one():
    """Copies of the same people in the same pictures do not make anybody surer; in pictures of their own they would."""
    a, b = hits(0, 0.6, 40), hits(1, 0.7, 40)
    together = np.tile(np.arange(40), 10)
    once = cells(comparison([subject("a", a, images=np.arange(40)), subject("b", b, images=np.arange(40))]))[1]
    copied = cells(comparison([subject(name, np.tile(v, (10, 1)), images=together) for name, v in (("a", a), ("b", b))]))[1]
    apart = cells(comparison([subject(name, np.tile(v, (10, 1)), images=np.arange(400)) for name, v in (("a", a), ("b", b))]))[1]
    assert copied.p == once.p
    assert copied.difference_interval == pytest.approx(once.difference_interval)
    assert apart.p < once.p


def test_seeds_of_one_recipe_are_one_row(tmp_path):
    recipe = nano_recipe(tmp_path)
    wide = recipe.model_copy(update={"batch": 4})
    made = [subject(f"seed{i}", hits(i), recipe=recipe.model_copy(update={"seed": i})) for i in range(3)]
    found = comparison([*made, subject("wide", hits(9), recipe=wide)])
    assert [(row.name, row.seeds, row.note) for row in found.rows] == [
        ("seed0, seed1, seed2", 3, "3 seeds"),
        ("wide", 1, "this checkpoint only"),
    ]
    singles = [cells(comparison([one]))[0] for one in made]
    assert cells(found)[0].value == pytest.approx(np.mean([one.value for one in singles]))


def test_seeds_that_differ_widen_the_interval(tmp_path):
    """Three seeds ten points apart: images alone would be surer."""
    recipe = nano_recipe(tmp_path)
    base = np.random.default_rng(0).random((400, 3))
    made = [subject(f"s{i}", base < share, recipe=recipe.model_copy(update={"seed": i})) for i, share in enumerate((0.5, 0.6, 0.7))]
    together, middle = cells(comparison(made))[0], cells(comparison([made[1]]))[0]
    assert together.interval[1] - together.interval[0] > 1.5 * (middle.interval[1] - middle.interval[0])


def test_a_difference_must_outlive_the_seeds(tmp_path):
    """Recipe b is better on these images, but no more so than its own seeds differ."""
    recipe, other = nano_recipe(tmp_path), nano_recipe(tmp_path, batch=4)
    base = np.random.default_rng(0).random((400, 3))

    def seeds_of(which, shares):
        return [subject(f"{which.batch}-{i}", base < share, recipe=which.model_copy(update={"seed": i})) for i, share in enumerate(shares)]

    b = cells(comparison([*seeds_of(recipe, (0.5, 0.6)), *seeds_of(other, (0.52, 0.68))]))[1]
    images_alone = cells(comparison([seeds_of(recipe, (0.55,))[0], seeds_of(other, (0.60,))[0]]))[1]
    assert images_alone.p < 0.01
    assert b.p > 0.3


def test_the_same_run_twice_is_refused(tmp_path):
    recipe = nano_recipe(tmp_path)
    with pytest.raises(UsageError, match="same recipe and the same seed"):
        comparison([subject("a", hits(0), recipe=recipe), subject("b", hits(1), recipe=recipe)])


def test_welch_by_hand():
    """Means 2 and 5, variances 1, three numbers each: t = 3.674 with 4 degrees of freedom, p = 0.0213."""
    assert welch_p(np.array([1.0, 2, 3]), np.array([4.0, 5, 6])) == pytest.approx(0.02131, abs=1e-5)
    assert welch_p(np.ones(2), np.ones(2)) == 1.0
    assert welch_p(np.ones(2), np.zeros(2)) == 0.0


def test_other_data_are_refused():
    with pytest.raises(UsageError, match="different data: split 'val' and 'test'"):
        comparison([subject("a", hits(0)), subject("b", hits(0), data={"kind": "lspet", "split": "test"})])


def test_only_common_people_are_compared():
    values = hits(0)
    part = subject("b", values)
    part = replace(part, kept=replace(part.kept, person_ids=part.kept.person_ids + 50))
    shifted = comparison([subject("a", values), replace(part, kept=replace(part.kept, image_ids=(np.arange(200) + 50) // 2))])
    assert shifted.n == 150
    assert shifted.lines == ["150 people are in all evaluations, of 200, 200: the others are left out"]
    assert cells(shifted)[0].value == pytest.approx(values[50:].mean())
    assert cells(shifted)[1].value == pytest.approx(values[:150].mean())
    apart = replace(part, kept=replace(part.kept, person_ids=part.kept.person_ids + 1000))
    with pytest.raises(UsageError, match="nobody in common"):
        comparison([subject("a", values), apart])


def test_the_order_of_people_in_the_files_changes_nothing():
    a, b = hits(0), hits(1)
    order = np.random.default_rng(0).permutation(200)
    turned = subject("b", b[order], images=order // 2)
    turned = replace(turned, kept=replace(turned.kept, person_ids=order))
    assert cells(comparison([subject("a", a), turned]))[1] == cells(comparison([subject("a", a), subject("b", b)]))[1]


def test_other_labels_are_refused():
    with pytest.raises(UsageError, match="count different keypoints"):
        comparison([subject("a", hits(0)), subject("b", hits(0), hits(1))])


def test_common_keypoints_alone_are_compared():
    four = np.concatenate([hits(5)[:, :1], hits(0)], axis=1)
    found = comparison([subject("a", hits(0)), subject("b", four, columns=("tail", *COLUMNS_OF_PEOPLE))])
    assert cells(found)[1].difference == 0
    assert found.lines == ["3 keypoints are in all evaluations: the others are left out"]
    with pytest.raises(UsageError, match="share no keypoint"):
        comparison([subject("a", hits(0)), subject("b", hits(0), columns=("x", "y", "z"))])


def test_tables_say_the_same():
    found = comparison([subject("a|b", hits(0)), subject("c", hits(1))])
    a, c = cells(found)
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert tuple(rows[0]) == COLUMNS
    assert [float(row["value"]) for row in rows] == pytest.approx([a.value, c.value], abs=1e-6)
    assert (rows[0]["p_holm"], float(rows[1]["p_holm"])) == ("", pytest.approx(c.p, abs=1e-5))
    text = markdown(found)
    assert "| a\\|b | this checkpoint only | 200 |" in text
    assert f"{100 * c.difference:+.1f} (" in text
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {7}
    told = json.loads(json.dumps(plain(found)))
    assert told["rows"][1]["scores"]["pck@0.2"]["difference"] == c.difference
    assert (told["format"], told["units"]) == ("glasspose.comparison", {"pck@0.2": "fraction"})


LOG = "epoch,train/loss,validation/loss,train/pck,validation/pck\n1,3,4,0.1,0.2\n2,2,2,0.3,0.5\n3,1,3,0.6,0.4\n"


def test_curves_have_their_turning_points(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    log = read_log(tmp_path / "log.csv")
    assert curve(log, "validation/loss") == ([1, 2, 3], [4, 2, 3])
    assert (turning_point(log, "loss"), turning_point(log, "pck")) == ((2, 2), (2, 0.5))
    assert (turning_point([], "loss"), curve(log, "none")) == (None, ([], []))
    assert read_log(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"epoch,a\n1,x\n", b"a,b\n1,2\n", b"epoch,a\n1\n", b"epoch,a\n1,2,3\n", b"epoch\nnan\n", b'epoch\n"1\n']
)
def test_logs_that_are_none(tmp_path, content):
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"log\.csv"):
        read_log(tmp_path / "log.csv")


def test_figures_grow_with_what_they_show(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    found = comparison([subject("a", hits(0)), subject("b", hits(1))])
    runs = replace(found, logs={"a": read_log(tmp_path / "log.csv")})
    sizes = [cv2.imdecode(np.frombuffer(figure(told), np.uint8), cv2.IMREAD_COLOR).shape for told in (found, runs)]
    assert sizes[1][0] > sizes[0][0] + 200
    assert figure(found) == figure(found)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": "glasspose.evaluation", "data": 3}', "[" * 100_000, '{"format": "x", "data": {}}'])
def test_files_that_are_no_evaluations(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json"):
        read_subject(str(tmp_path / "a.json"), None, None)


def test_an_evaluation_that_kept_nobody(tmp_path):
    (tmp_path / "a.json").write_text('{"format": "glasspose.evaluation", "data": {}}')
    with pytest.raises(InputError, match="--keep"):
        read_subject(str(tmp_path / "a.json"), None, None)


def test_an_empty_folder_is_no_run(tmp_path):
    with pytest.raises(InputError, match="no finished run"):
        read_subject(str(tmp_path), None, None)


def test_weights_need_a_dataset():
    with pytest.raises(UsageError, match=r"--data\.kind"):
        read_subject("hourglass-tiny-lsp", None, None)


def test_a_run_is_measured_on_its_validation_split(tmp_path):
    from glasspose.configs.reading import read_recipe

    recipe = nano_recipe(tmp_path)
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe.model_dump(mode="json")))
    (tmp_path / "best.safetensors").write_bytes(b"")
    (tmp_path / "log.csv").write_text(LOG)
    asked = []

    def evaluate(weights, data):
        asked.append((Path(weights).name, data.split))
        return {"format": "glasspose.evaluation", "data": {"split": data.split}, "people": subject("a", hits(0)).kept.to_json()}

    found = read_subject(str(tmp_path), None, evaluate)
    assert (found.recipe, len(found.log)) == (read_recipe(tmp_path / "recipe.yaml"), 3)
    read_subject(str(tmp_path), DrawnPeople(split="test"), evaluate)
    assert asked == [("best.safetensors", "val"), ("best.safetensors", "test")]
