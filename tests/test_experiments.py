"""The cells of docs/results.md test what their labels say: each is one change, at both sizes, of what the rest of its table has."""

import importlib
import json
import shlex
from pathlib import Path

import pytest

from glasspose.__main__ import _app
from glasspose.configs.augmentation import Augmentation
from glasspose.configs.reading import recipe_defaults
from glasspose.metrics.protocols import protocols

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def modules():
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "experiments"))
    yield {name: importlib.import_module(name) for name in ("cells", "run", "page")}
    patch.undo()


def sizes(cell):
    return ("full",) if cell.small is None else ("small", "full")


@pytest.fixture(scope="module")
def recipes(modules):
    """The recipe of every cell that trains, by name and size."""
    app, found = _app("train"), {}
    for cell in modules["cells"].CELLS:
        for size in sizes(cell) if cell.trains else ():
            words = modules["run"].train_words(cell, 0, size, Path("data"), Path("runs"), Path("packs"))[1:]
            words[0] = str(ROOT / words[0])
            app.config = [recipe_defaults(words)]
            found[cell.name, size] = app.parse_args(["train", *words], exit_on_error=False, print_error=False)[1].arguments["recipe"]
    return found


def of_group(modules, recipes, group, size):
    return {cell.name: recipes[cell.name, size] for cell in modules["cells"].CELLS if cell.group == group and (cell.name, size) in recipes}


def test_names_are_there_once_and_what_they_refer_to_is_there(modules):
    cells = {cell.name: cell for cell in modules["cells"].CELLS}
    assert len(cells) == len(modules["cells"].CELLS)
    for cell in cells.values():
        assert cell.init is None or cells[cell.init].trains
        assert not cell.baseline or cells[cell.baseline].measured == cell.measured
        assert cell.trains or cell.init
        protocols(cell.protocols)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "full"])
def test_head_boxes_are_learned_where_they_are_measured(modules, recipes, size):
    for cell in modules["cells"].CELLS:
        if (cell.name, size) in recipes:
            assert (recipes[cell.name, size].data.skeleton == "head_box") == cell.heads, cell.name
            assert ("head_box" in modules["run"].evaluate_words(cell, 0, size, Path("data"), Path("runs"))) == cell.heads


@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "full"])
@pytest.mark.parametrize("group", ["STACKS", "LOSSES", "REGRESSION", "OTHERS", "HEADS", "VIEWS", "SQUEEZED", "VICTORIA", "CROSS"])
def test_within_a_table_views_schedule_and_epochs_are_the_same(modules, recipes, group, size):
    found = of_group(modules, recipes, getattr(modules["cells"], group), size)
    same = ("schedule", "epochs", "batch", "data", "model.input_size", "packing.size")
    same += () if group == "VIEWS" else ("augmentation", "packing")

    def value(recipe, name):
        for part in name.split("."):
            recipe = getattr(recipe, part)
        return repr(recipe)

    for name in same:
        assert len({value(recipe, name) for recipe in found.values()}) <= 1, name


@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "full"])
def test_what_is_not_labelled_is_masked_but_where_the_name_says_otherwise(recipes, size):
    unmasked = {name for (name, own), recipe in recipes.items() if own == size and getattr(recipe.codec, "unlabelled", "mask") != "mask"}
    assert unmasked == {"zeros"} | ({name for name, own in recipes if name.startswith("thesis-original")} if size == "full" else set())


@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "full"])
@pytest.mark.parametrize("name", ["light", "medium", "heavy"])
def test_victorias_sets_are_hers(recipes, name, size):
    assert recipes[name, size].augmentation == Augmentation(preset=name)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "full"])
def test_cells_change_what_their_names_say(recipes, size):
    assert [recipes[f"newell-{n}", size].model.stacks for n in (1, 2, 4)] == [1, 2, 4]
    assert [recipes[f"sigma-{n}", size].codec.sigma for n in (0.5, 2)] == [0.5, 2]
    assert [recipes[f"margin-{n}", size].packing.margin for n in (1.1, 1.5)] == [1.1, 1.5]
    assert (recipes["deeppose", size].model.scaling, recipes["deeppose-raw", size].model.scaling) == (True, False)
    assert recipes["squeezed-no-skips", size].model.skips is False
    kinds = {name: (recipes[name, size].model.kind, recipes[name, size].codec.kind) for name in ("resnet", "rle", "dsnt", "simcc", "deeppose")}
    assert kinds == {
        "resnet": ("resnet", "coordinates"),
        "rle": ("resnet", "rle"),
        "dsnt": ("hourglass", "soft_argmax"),
        "simcc": ("resnet", "simcc"),
        "deeppose": ("deeppose", "coordinates"),
    }
    assert {recipes[name, size].model.kind for name in ("uvic", "uvic-separable", "victoria-4")} == {"uvic_hourglass"}


@pytest.mark.slow
def test_the_theses_rows_have_the_theses_own_recipe(recipes):
    own = [recipe for (name, _), recipe in recipes.items() if name.startswith("thesis") and name not in ("thesis-residual", "thesis-target")]
    assert len(own) == 14
    assert {(r.optimiser.kind, r.optimiser.learning_rate, r.batch, r.schedule.kind, r.augmentation.flip) for r in own} == {
        ("rmsprop", 0.00025, 16, "plateau", 0.0)
    }


def test_every_result_belongs_to_a_cell_and_stands_on_the_page(modules):
    cells = {cell.name: cell for cell in modules["cells"].CELLS}
    page = (ROOT / "docs/results.md").read_text()
    for path in sorted((ROOT / "docs/results/experiments").glob("*.json")):
        kept = json.loads(path.read_text())
        assert path.stem == f"{kept['cell']}-{kept['size']}-seed{kept['seed']}"
        assert modules["page"].row(cells[kept["cell"]], kept["size"]) in page
    assert all(words in page for _, words, _ in modules["page"].ELSEWHERE)


def test_a_result_was_run_with_the_options_of_its_cell(modules):
    """A cell that changes afterwards would show numbers of something else."""
    cells = {cell.name: cell for cell in modules["cells"].CELLS}
    for path in sorted((ROOT / "docs/results/experiments").glob("*.json")):
        kept = json.loads(path.read_text())
        train, *_ = modules["run"].commands(cells[kept["cell"]], kept["size"], kept["seed"])
        assert not kept["command"] or sorted(shlex.split(kept["command"])) == sorted(shlex.split(train)), path.stem


def test_seconds_add_up_over_the_parts_of_a_run(modules, tmp_path, monkeypatch):
    run = modules["run"]
    times = iter([0.0, 10.0, 100.0, 105.0, 200.0])
    monkeypatch.setattr(run.time, "monotonic", lambda: next(times))
    for _ in range(2):
        with run._timed(tmp_path):
            (tmp_path / "last.ckpt").touch()
    assert run._seconds(tmp_path) == 15
    (tmp_path / "seconds.json").unlink()  # a part of the run that nobody timed
    with run._timed(tmp_path):
        pass
    assert run._seconds(tmp_path) is None
