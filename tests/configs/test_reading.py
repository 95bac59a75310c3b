import gc
import time
from pathlib import Path

import pytest
import yaml

from glasspose.__main__ import main
from glasspose.configs.augmentation import Augmentation
from glasspose.configs.reading import LARGEST, read_recipe, read_yaml, recipe_defaults
from glasspose.configs.training import Recipe
from glasspose.errors import UsageError
from glasspose.folds import OutOfFold
from glasspose.training import Trained

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
DRAWN = "data: {kind: drawn_people}\n"


pytestmark = pytest.mark.usefixtures("one_thread")


def written(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path):
    """The line that the reader answers with, which has to come within a second and be only one."""
    gc.disable()  # else other tests' objects are counted, millions of them
    start = time.process_time()
    try:
        with pytest.raises(UsageError) as problem:
            read_recipe(path)
        took = time.process_time() - start
    finally:
        gc.enable()
    assert took < 1
    assert "\n" not in str(problem.value)
    assert len(str(problem.value)) < 500
    return str(problem.value)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_validates_and_survives_writing(tmp_path, path):
    recipe = read_recipe(path)
    assert read_recipe(written(tmp_path, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


LAUGHS = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20))
REFUSED = {
    "a tag that would run": ("data: !!python/object/apply:os.mkdir [executed]\n", "tag"),
    "a tag of one's own": ("data: !people {}\n", "tag"),
    "a harmless tag": (DRAWN + "seed: !!int '3'\n", "tag"),
    "bytes": (DRAWN + "validation: !!binary aGVsbG8=\n", "tag"),
    "aliases of aliases": (LAUGHS, "aliases"),
    "an alias": ("model: &m {stacks: 1}\n" + DRAWN + "packing: *m\n", "aliases"),
    "an anchor": ("model: &m {stacks: 1}\n" + DRAWN, "anchors"),
    "a merge": (DRAWN + "<<: {seed: 1}\n", "<<"),
    "a key twice": (DRAWN + "seed: 1\nseed: 2\n", "'seed' stands twice"),
    "an inner key twice": (DRAWN + "model: {stacks: 1, depth: 2, stacks: 2}\n", "'stacks' stands twice"),
    "deep lists": ("[" * 20_000, "nested"),
    "deep mappings": ("{a: " * 10_000, "nested"),
    "deep blocks": ("".join(" " * i + "a:\n" for i in range(150)), "nested"),
    "deep dashes": ("- " * 20_000, "nested"),
    "many keys": ("".join(f"k{i}:\n" for i in range(7000)), "data"),
    "a list": ("- 1\n", "not a mapping"),
    "a text": ("hello", "not a mapping"),
    "nothing": ("", "not a mapping"),
    "comments alone": ("# hello\n", "not a mapping"),
    "two documents": (DRAWN + "---\n" + DRAWN, "line"),
    "too large": ("#" * (LARGEST + 1), "too large"),
    "no YAML": ("model: {stacks: 1\n", "line"),
    "a tab": ("model:\n\tstacks: 1\n", "line 2"),
    "no text": (b"\xff\xfe\x00\x01", ""),
    "bytes of control": (b"data: \x01", ""),
    "a number as key": (DRAWN + "1: 2\n", "1"),
    "a list as key": (DRAWN + "? [a]\n: 2\n", "not a text"),
    "a mapping as key": (DRAWN + "? {a: b}\n: 2\n", "not a text"),
    "an unknown key": (DRAWN + "epohcs: 3\n", "epohcs"),
    "an unknown inner key": (DRAWN + "model: {stakcs: 1}\n", " model.stakcs:"),
    "an unknown key of a named kind": ("data: {kind: drawn_people, cuont: 3}\n", " data.cuont:"),
    "a kind that is not": ("data: {kind: os.system}\n", "data"),
    "no data": ("epochs: 1\n", "data"),
    "a wrong type": (DRAWN + "epochs: many\n", "epochs"),
    "a list for a number": (DRAWN + "epochs: [1]\n", "epochs"),
    "a number for a mapping": (DRAWN + "model: 5\n", "model"),
    "a date for a text": (DRAWN + "validation: 2020-01-01\n", "validation"),
    "half an epoch": (DRAWN + "epochs: 1.5\n", "epochs"),
    "none where one is needed": (DRAWN + "epochs:\n", "epochs"),
    "not a number": (DRAWN + "optimiser: {kind: adam, learning_rate: .nan}\n", "learning_rate"),
    "infinite": (DRAWN + "optimiser: {kind: adam, learning_rate: .inf}\n", "learning_rate"),
    "betas that torch refuses": (DRAWN + "optimiser: {kind: adam, learning_rate: 0.1, betas: [1.5, 0.9]}\n", "betas"),
    "a negative seed": (DRAWN + "seed: -1\n", "seed"),
    "a seed that no generator takes": (DRAWN + f"seed: {2**64}\n", "seed"),
    "a number of 4,000 digits": (DRAWN + "seed: " + "9" * 4000 + "\n", "seed"),
    "a number of 60,000 digits": (DRAWN + "seed: " + "9" * 60_000 + "\n", "characters"),
    "a number of base 60": (DRAWN + "seed: 1" + ":59" * 20_000 + "\n", "characters"),
    "a float of base 60": (DRAWN + "seed: 1" + ":59" * 1_300 + ".5\n", ""),
    "the same split": (DRAWN + "validation: train\n", "split"),
    "a model that does not fit the codec": (DRAWN + "model: {kind: unet}\ncodec: {kind: rle}\n", "models that fit codec rle are deeppose, resnet"),
    "views that are not made there": (
        "data: {kind: drawn_people}\non_device: true\naugmentation: {wide: 0, close: 0, grey: 0, blur: 0}\n",
        "on_device makes no such views: set augmentation.cut, augmentation.occlusion to 0",
    ),
    "boxes that turn": ("data: {kind: drawn_people, skeleton: head_box}\n", "augmentation.rotation 0"),
    "an input that does not fit": (DRAWN + "model: {input_size: [100, 100]}\n", "input_size"),
}


@pytest.mark.parametrize(("text", "named"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_recipe_is_one_line(tmp_path, monkeypatch, text, named):
    monkeypatch.chdir(tmp_path)
    assert named in refusal(written(tmp_path, text))
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


@pytest.mark.parametrize("name", ["missing.yaml", ".", "recipe.yaml/more", "/dev/zero", "a" * 5000])
def test_what_is_no_file_is_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, DRAWN)
    with pytest.raises(UsageError, match="recipe"):
        read_recipe(Path(name))


def test_plain_values_are_read_as_they_stand(tmp_path):
    text = "text: a b\nnumber: 3\nreal: 1.5\nsmall: 1e-3\nflag: true\nnone:\nlist: [1, [2]]\ninner: {a: 'b'}\n"
    expected = {"text": "a b", "number": 3, "real": 1.5, "small": "1e-3", "flag": True, "none": None, "list": [1, [2]], "inner": {"a": "b"}}
    assert read_yaml(written(tmp_path, text)) == expected


def test_small_numbers_may_be_written_without_a_point(tmp_path):
    assert read_recipe(written(tmp_path, DRAWN + "optimiser: {kind: adam, learning_rate: 1e-3}\n")).optimiser.learning_rate == 1e-3


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["train", *map(str, arguments)])
    said = capsys.readouterr()
    return stopped.value.code, " ".join((said.out + said.err).replace("│", " ").split())


def test_a_misspelt_option_is_answered_with_the_right_one(tmp_path, capsys):
    code, said = run(capsys, written(tmp_path, DRAWN), "--model.stakcs", 1, "--out", tmp_path / "out")
    assert code == 2
    assert "Did you mean" in said
    assert "--model.stacks" in said
    assert not (tmp_path / "out").exists()


def test_a_misspelt_key_is_answered_with_the_right_one(tmp_path, capsys):
    code, said = run(capsys, written(tmp_path, DRAWN + "model: {stakcs: 1}\n"), "--out", tmp_path / "out")
    assert code == 2
    assert "Did you mean" in said
    assert "--model.stacks" in said


@pytest.mark.parametrize("text", [DRAWN + "epochs: many\n", "data: {kind: cocoo}\n", "- 1\n", DRAWN + "validation: train\n"])
def test_a_recipe_that_makes_no_sense_ends_with_two(tmp_path, capsys, text):
    code, said = run(capsys, written(tmp_path, text), "--out", tmp_path / "out")
    assert (code, "Traceback" in said) == (2, False)


def test_options_stand_above_the_file(tmp_path, monkeypatch, capsys):
    seen = []

    def train(recipe, **named):
        seen.append((recipe, named))
        return Trained(folder=named["out"], best_epoch=1, best_pck=0.5, history=[])

    monkeypatch.setattr("glasspose.training.train", train)
    model = "model: {stacks: 1, level_channels: [16, 16, 16, 16]}\n"
    path = written(tmp_path, DRAWN + model + "epochs: 5\noptimiser: {kind: rmsprop, learning_rate: 1e-4}\n")
    code, said = run(capsys, path, "--epochs", 7, "--data.count", 9, "--out", "here")
    recipe, named = seen[0]
    assert (code, "PCK@0.2 50.0 %" in said) == (0, True)
    assert (recipe.epochs, recipe.model.stacks, recipe.model.level_channels, recipe.data.count) == (7, 1, (16,) * 4, 9)
    assert (recipe.optimiser.kind, recipe.optimiser.learning_rate, named["out"]) == ("rmsprop", 1e-4, Path("here"))


@pytest.mark.parametrize("folds", [[], ["--folds", 2]])
def test_every_option_of_the_verb_is_passed_on(tmp_path, monkeypatch, capsys, folds):
    seen = []
    monkeypatch.setattr(
        "glasspose.training.train", lambda recipe, **named: seen.append(named) or Trained(best_epoch=1, best_pck=0, history=[], folder=named["out"])
    )
    monkeypatch.setattr(
        "glasspose.folds.train_folds", lambda recipe, count, **named: seen.append(named) or OutOfFold(predictions=Path(), people=1, pck=0)
    )
    options = ["--out", "o", "--packs", "p", "--resume", "--init", "w", "--freeze", "stem", "--freeze", "heads", "--download", *folds]
    assert run(capsys, written(tmp_path, DRAWN), *options)[0] == 0
    assert seen == [{"out": Path("o"), "packs": Path("p"), "resume": True, "init": "w", "freeze": ("stem", "heads"), "download": True}]


def test_folds_and_their_result_are_passed_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("glasspose.folds.train_folds", lambda recipe, count, **named: OutOfFold(predictions=named["out"], people=count, pck=0.25))
    code, said = run(capsys, written(tmp_path, DRAWN), "--folds", 3, "--out", tmp_path / "out[b]")
    assert code == 0
    assert f"predictions of 3 people are in {tmp_path / 'out[b]'}; PCK@0.2 25.0 %" in said


EXTRA = DRAWN + "extra: [{kind: coco, root: a, minimum_keypoints: 5}, {kind: coco, root: b, derive_head: true}]\n"


def asked(tmp_path, monkeypatch, capsys, *options):
    """The recipe that `train` is called with."""
    seen = []
    monkeypatch.setattr(
        "glasspose.training.train", lambda recipe, **named: seen.append(recipe) or Trained(folder=named["out"], best_epoch=1, best_pck=0, history=[])
    )
    code, said = run(capsys, written(tmp_path, EXTRA), *options)
    return code, said, seen


def test_lists_reach_the_run_as_they_stand(tmp_path, monkeypatch, capsys):
    code, _, seen = asked(tmp_path, monkeypatch, capsys)
    assert code == 0
    assert seen == [read_recipe(tmp_path / "recipe.yaml")]


def test_options_reach_into_lists(tmp_path, monkeypatch, capsys):
    options = ["--extra.0.root", "/x", "--epochs", "3", "--extra.1.minimum-area=4.5", "--extra.1.crowds", "--extra.0.minimum_keypoints", "7"]
    code, _, seen = asked(tmp_path, monkeypatch, capsys, *options)
    first, second = seen[0].extra
    assert (code, seen[0].epochs) == (0, 3)
    assert (first.root, first.minimum_keypoints, first.crowds) == (Path("/x"), 7, False)
    assert (second.root, second.minimum_area, second.crowds, second.derive_head) == (Path("b"), 4.5, True, True)


@pytest.mark.parametrize("option", ["--extra.2.root", "--extra.0.roots", "--data.0.root", "--extra.-1.root", "--extra.0.minimum-area"])
def test_options_that_reach_nothing_are_refused(tmp_path, monkeypatch, capsys, option):
    code, _, seen = asked(tmp_path, monkeypatch, capsys, option, "/x")
    assert (code, seen) == (2, [])


def told(tmp_path, recipe, *words):
    """The recipe that a command line with these words means."""
    from glasspose.__main__ import _app

    (tmp_path / "r.yaml").write_text("data: {kind: drawn_people}\n" + recipe)
    rest = [str(tmp_path / "r.yaml"), *words]
    app = _app("train")
    app.config = [recipe_defaults(rest)]
    return app.parse_args(["train", *rest], exit_on_error=False, print_error=False)[1].arguments["recipe"]


@pytest.mark.parametrize("spelt", [("--augmentation.preset", "heavy"), ("--augmentation.preset=heavy",)])
def test_a_preset_on_the_command_line_is_that_preset(tmp_path, spelt):
    assert told(tmp_path, "augmentation: {rotation: 5, blur: 0}\n", *spelt).augmentation == Augmentation(preset="heavy")
    own = told(tmp_path, "augmentation: {rotation: 5, blur: 0}\n", *spelt, "--augmentation.rotation", "7").augmentation
    assert own == Augmentation(preset="heavy", rotation=7)


def test_another_kind_on_the_command_line_takes_what_both_know(tmp_path):
    text = "model: {kind: hourglass, stacks: 2, input_size: [64, 64]}\noptimiser: {kind: adamw, learning_rate: 0.1, betas: [0.5, 0.9]}\n"
    recipe = told(tmp_path, text, "--model.kind", "deeppose", "--codec.kind=coordinates", "--optimiser.kind", "sgd")
    assert (recipe.model.kind, recipe.model.input_size) == ("deeppose", (64, 64))
    assert (recipe.optimiser.kind, recipe.optimiser.learning_rate) == ("sgd", 0.1)
    assert told(tmp_path, text, "--model.kind", "hourglass").model.stacks == 2
