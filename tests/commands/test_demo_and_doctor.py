import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from glasspose.commands import doctor
from glasspose.engines import packages
from label_files_for_tests import lspet_mat

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")


@pytest.fixture(autouse=True)
def _no_data(monkeypatch):
    """Real labels take seconds to read."""
    monkeypatch.delenv("GLASSPOSE_DATA", raising=False)


def test_the_demo_tells_where_its_results_are(shipped, told):
    code, out, _ = told("demo", "--out", "[red]out")
    assert code == 0
    assert "left_ankle" in out
    for kind in ("pose.jpg", "pose.json", "heatmaps.jpg"):
        assert f"[red]out/grace_hopper.{kind}" in out
        assert Path(f"[red]out/grace_hopper.{kind}").exists()


def test_the_demo_of_nobody(told, shipped):
    card = shipped / "hourglass-tiny-lsp.json"
    card.write_text(card.read_text().replace('"person": 0.0', '"person": 1.0'))
    code, out, _ = told("demo")
    assert code == 0
    assert "No person found." in out


def test_doctor_is_content_with_what_it_needs(told, shipped, monkeypatch, tmp_path):
    monkeypatch.setenv("GLASSPOSE_DATA", str(tmp_path))
    code, out, _ = told("doctor")
    assert code == 0
    assert "whole, 0.0" in out
    assert str(tmp_path) in out.replace("\n", "")


@pytest.mark.parametrize("damage", ["none", "cut", "data"])
def test_doctor_says_what_is_missing(told, shipped, damage, tmp_path):
    file = shipped / "hourglass-tiny-lsp.safetensors"
    file.unlink() if damage == "none" else file.write_bytes(file.read_bytes()[: 99 if damage == "cut" else None])
    code, out, _ = told("doctor", "--data", tmp_path / "[red]missing") if damage == "data" else told("doctor")
    assert code == 6
    assert {"none": "no weights ship", "cut": "no use: hourglass-tiny-lsp", "data": "[red]missing"}[damage] in out


def test_doctor_does_without_what_is_optional(told, shipped, monkeypatch):
    monkeypatch.setattr("glasspose.commands.doctor.OPTIONAL", {"not_a_package": "people"})
    code, out, _ = told("doctor")
    assert code == 0
    assert "pip install 'glasspose[people]'" in out


def test_doctor_looks_into_the_data(told, shipped, tmp_path):
    folder = tmp_path / "data"
    for name in ("lspet", "coco"):
        (folder / name).mkdir(parents=True)
    lspet_mat(folder / "lspet")
    code, out, _ = told("doctor", "--data", folder)
    plain = " ".join(out.replace("│", " ").split())
    assert code == 6
    assert "4 people in split all; labels only" in plain
    assert "no use:" in plain


def plain(out):
    return " ".join(out.replace("│", " ").split())


@pytest.mark.parametrize("package", ["torch", "pillow"])
def test_doctor_is_not_content_with_a_version_that_has_a_hole(told, shipped, monkeypatch, package):
    monkeypatch.setattr(doctor, "FLOORS", {"torch": (1, 0), "pillow": (1, 0)} | {package: (99, 0)})
    code, out, _ = told("doctor")
    assert code == 6
    for words in ("published holes below 99.0", f"pip install --upgrade '{package}>=99.0'", "from 1.0 on"):
        assert words in plain(out)


def test_doctor_is_not_content_without_room(told, shipped, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_DISK", 1 << 40)
    code, out, _ = told("doctor")
    assert code == 6
    assert "no room:" in out


def test_doctor_names_engines(told, shipped):
    code, out, _ = told("doctor")
    assert code == 0
    for words in ("engine torch", f"engine ONNX Runtime {version('onnxruntime')} on", f"engine OpenVINO {version('openvino')} on", "8 bits by nncf"):
        assert words in plain(out)


@pytest.mark.parametrize(
    ("missing", "code", "remedy"),
    [
        ("onnxruntime", 6, "not installed pip install onnxruntime"),
        ("openvino", 0, "not installed optional: pip install 'glasspose[openvino]'"),
        ("nncf", 0, "optional: pip install 'glasspose[openvino]'"),
    ],
)
def test_doctor_tells_engines_that_belong_to_glasspose_from_those_that_may_be_missing(told, shipped, monkeypatch, missing, code, remedy):
    found = packages.is_installed
    monkeypatch.setattr(packages, "is_installed", lambda name: name != missing and found(name))
    ended, out, _ = told("doctor")
    assert ended == code
    assert remedy in plain(out)


def test_doctor_is_not_content_with_a_broken_engine(told, shipped, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(packages, "is_installed", lambda name: True)
    code, out, _ = told("doctor")
    assert code == 6
    assert "no use: ModuleNotFoundError pip install --force-reinstall openvino" in plain(out)


def test_what_doctor_calls_unsafe_cannot_be_installed():
    needed = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["dependencies"]
    floors = dict(re.fullmatch(r"([\w.-]+)>=([\d.]+).*", line).groups() for line in needed)
    for package, floor in doctor.FLOORS.items():
        assert tuple(map(int, floors[package].split("."))) >= floor, package
