from pathlib import Path

import pytest

from glasspose.commands import doctor
from label_files_for_tests import lspet_mat

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")


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


def test_doctor_names_engines_room_and_holes(told, shipped, monkeypatch):
    monkeypatch.setattr(doctor, "FLOORS", {"torch": (99, 0), "pillow": (1, 0)})
    monkeypatch.setattr(doctor, "LEAST_DISK", 1 << 40)
    code, out, _ = told("doctor")
    plain = " ".join(out.replace("│", " ").split())
    assert code == 6
    for words in ("engine torch", "published holes below 99.0", "pip install --upgrade 'torch>=99.0'", "no room:", "from 1.0 on"):
        assert words in plain
