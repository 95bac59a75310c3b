import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import glasspose

SRC = Path(__file__).parents[1] / "src"


def loaded_after(code):
    """Names of the packages that a fresh interpreter has imported after some code."""
    program = f"import sys; sys.path.insert(0, {str(SRC)!r})\n{code}\nprint(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_what_is_public_is_what_is_said_to_be():
    assert set(glasspose.__all__) == {*glasspose._PUBLIC, "__version__", "explain"}
    assert dir(glasspose) == sorted(glasspose.__all__)
    assert glasspose.__version__ == version("glasspose")


@pytest.mark.parametrize("name", sorted(glasspose._PUBLIC))
def test_every_public_name_is_the_one_of_its_module(name):
    assert getattr(glasspose, name) is getattr(import_module(f"glasspose.{glasspose._PUBLIC[name]}"), name)
    assert getattr(glasspose, name).__doc__


def test_a_star_import_gives_exactly_the_public_names():
    names = {}
    exec("from glasspose import *", names)
    assert set(names) - {"__builtins__"} == set(glasspose.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'perdict'"):
        glasspose.perdict  # noqa: B018


def test_the_package_itself_imports_nothing_heavy():
    assert not loaded_after("import glasspose; dir(glasspose)") & {"torch", "numpy", "cv2", "pydantic", "rich", "yaml", "cyclopts"}


def test_configurations_and_recipes_import_no_torch():
    code = "import glasspose.configs.reading; from pathlib import Path; glasspose.configs.reading.read_recipe(Path('recipes/tour.yaml'))"
    assert not loaded_after(f"import os; os.chdir({str(SRC.parent)!r}); {code}") & {"torch", "cv2", "lightning_fabric"}


@pytest.mark.parametrize("tokens", [["--help"], ["train", "--help"], ["predict", "--help"], ["data", "--help"], ["--version"]])
def test_help_imports_no_torch(tokens):
    code = f"from glasspose.__main__ import main\ntry:\n    main({tokens})\nexcept SystemExit as end:\n    assert not end.code, end.code"
    assert not loaded_after(code) & {"torch", "cv2", "lightning_fabric", "matplotlib"}
