"""Damage to entries of MPII's, FLIC's and Leeds' files: `data check` counts it by rule, `read` names the first, `--repair` leaves them out."""

import json
import math
from dataclasses import dataclass, field

import h5py
import numpy as np
import pytest
import scipy.io

from glasspose.configs.data import Flic, Lsp, Lspet, Mpii
from glasspose.data import read
from glasspose.data.checking import check
from glasspose.data.repairing import repair
from glasspose.errors import AnnotationError
from glasspose.images import save_image
from label_files_for_tests import _records

COUNT, HIT = 6, (1, 3, 4)
SIZE = (400, 400)
"""Of every picture; each has one person, with every keypoint in it."""


def points(count):
    """Different people, upright, pixels from 1."""
    spread = np.stack([np.linspace(120, 260, count), np.linspace(300, 100, count)], 1)
    return np.round(np.stack([spread + np.array([3, 2]) * n for n in range(COUNT)]), 1)


def pictures(folder, name="{:09d}.jpg"):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(1, COUNT + 1):
        save_image(folder / "images" / name.format(number), np.full((*SIZE, 3), 99, np.uint8))


@dataclass
class Form:
    """One form of a label file: how it is written, what names a person, and what can be wrong with one."""

    config: object
    entries: list
    write: object
    who: str
    damage: dict = field(default_factory=dict)


def put(key, value):
    return lambda entry: entry.__setitem__(key, value)


def drop(key):
    return lambda entry: entry.pop(key)


def inside(key, place, value):
    """One number of a field that is an array or nested lists."""

    def change(entry):
        part = entry[key]
        for step in place[:-1]:
            part = part[step]
        part[place[-1]] = value

    return change


def fields(prefix, name, rule, *, shape=None):
    """What may be wrong with a field of a json entry."""
    wrong = {"missing": drop(name), "null": put(name, None), "a text": put(name, "12"), "true": put(name, True)}
    wrong |= {"NaN": put(name, math.nan), "infinite": put(name, math.inf), "huge": put(name, 1e13)}
    if shape:
        wrong = {"missing": drop(name), "null": put(name, None), "short": lambda entry: entry[name].pop(), "a text": put(name, "12")}
        for what, value in (
            ("text inside", "12"),
            ("null inside", None),
            ("NaN inside", math.nan),
            ("infinite inside", -math.inf),
            ("true inside", True),
        ):
            wrong[what] = inside(name, shape, value)
    return {f"{prefix} {what}": (change, rule) for what, change in wrong.items()}


def mpii_json(folder):
    entries = [
        {
            "isValidation": 0.0,
            "img_paths": f"{n:09d}.jpg",
            "objpos": [200.0, 190.0],
            "scale_provided": 1.0,
            "joint_self": [[x, y, 1.0] for x, y in points(16)[n - 1].tolist()],
            "annolist_index": float(n),
            "people_index": 1.0,
            "numOtherPeople": 0.0,
        }
        for n in range(1, COUNT + 1)
    ]
    pictures(folder)
    damage = {
        **fields("joints", "joint_self", "keypoints", shape=(5, 0)),
        "flag 2": (inside("joint_self", (5, 2), 2.0), "keypoints"),
        **fields("objpos", "objpos", "place", shape=(1,)),
        **fields("scale", "scale_provided", "scale"),
        "scale negative": (put("scale_provided", -3.0), "scale"),
        **fields("image number", "annolist_index", "annotation-id"),
        **fields("others", "numOtherPeople", "picture-facts"),
        "picture upwards": (put("img_paths", "../x.jpg"), "picture-name"),
        "picture a number": (put("img_paths", 7), "picture-name"),
        "twice": (lambda entry: entry.update(annolist_index=1.0, people_index=1.0), "annotation-id"),
    }
    return Form(
        config=Mpii(root=folder, labels="labels.json", split="all"),
        entries=entries,
        write=lambda entries: (folder / "labels.json").write_text(json.dumps(entries)),
        who="person {} of the file",
        damage=damage,
    )


def hrnet(folder):
    form = mpii_json(folder)
    form.entries = [
        {"joints": points(16)[n].tolist(), "joints_vis": [1] * 16, "image": f"{n + 1:09d}.jpg", "center": [200.0, 190.0], "scale": 1.0}
        for n in range(COUNT)
    ]
    form.damage = {
        **fields("joints", "joints", "keypoints", shape=(5, 1)),
        **fields("flags", "joints_vis", "keypoints", shape=(3,)),
        "flag 2": (inside("joints_vis", (3,), 2), "keypoints"),
        **fields("center", "center", "place", shape=(1,)),
        **fields("scale", "scale", "scale"),
        "scale negative": (put("scale", -3), "scale"),
        "picture missing": (drop("image"), "picture-name"),
    }
    return form


def h5(folder, count, config, scale):
    """The h5 of the hourglass release, its rows as entries."""
    pictures(folder)
    entries = [
        {
            "part": points(count)[n],
            "visible": np.ones(count),
            "center": np.array([200.0, 200.0]),
            "scale": scale,
            "normalize": 50.0,
            "index": float(n),
            "person": 0.0,
            "imgname": f"{n + 1:09d}.jpg",
        }
        for n in range(COUNT)
    ]

    def write(entries):
        with h5py.File(folder / "labels.h5", "w") as file:
            for name in entries[0]:
                values = [entry[name] for entry in entries]
                file[name] = np.array(values, "S16") if name == "imgname" else np.array(values, float)

    damage = {
        f"{name} {what}": (inside(name, place, value) if place else put(name, value), rule)
        for name, rule, place in (
            ("part", "keypoints", (5, 0)),
            ("visible", "keypoints", (2,)),
            ("center", "place", (1,)),
            ("scale", "scale", ()),
            ("normalize", "head-length", ()),
            ("index", "annotation-id", ()),
        )
        for what, value in (("NaN", math.nan), ("infinite", math.inf), ("huge", -1e13))
    }
    damage |= {
        "flag half": (inside("visible", (2,), 0.5), "keypoints"),
        "scale negative": (put("scale", -3.0), "scale"),
        "twice": (put("index", 0.0), "annotation-id"),
        "picture upwards": (put("imgname", "../x.jpg"), "picture-name"),
    }
    return Form(config=config, entries=entries, write=write, who="person {} of the file", damage=damage)


def mpii_h5(folder):
    return h5(folder, 16, Mpii(root=folder, labels="labels.h5", split="all"), 1.25)


def flic(folder):
    return h5(folder, 11, Flic(root=folder, labels="labels.h5"), 1.2)


def release(folder):
    pictures(folder)
    entries = [
        {
            "points": [{"x": x, "y": y, "id": float(k), "is_visible": "1"} for k, (x, y) in enumerate(points(16)[n].tolist())],
            "scale": 1.0,
            "head": 90.0,
        }
        for n in range(COUNT)
    ]

    def rect(entry):
        made = {"x1": entry["head"], "y1": 80.0, "x2": 120.0, "y2": 120.0, "scale": entry["scale"]}
        made["annopoints"] = _records([{"point": _records(entry["points"], ["x", "y", "id", "is_visible"])}], ["point"])
        return made | {"objpos": _records([{"x": 200.0, "y": 190.0}], ["x", "y"])}

    def write(entries):
        names = ["x1", "y1", "x2", "y2", "annopoints", "scale", "objpos"]
        images = [
            {"image": _records([{"name": f"{n:09d}.jpg"}], ["name"]), "annorect": _records([rect(entry)], names)}
            for n, entry in enumerate(entries, 1)
        ]
        content = {"annolist": _records(images, ["image", "annorect"]), "img_train": np.ones((1, COUNT))}
        scipy.io.savemat(folder / "labels.mat", {"RELEASE": _records([content], list(content))})

    damage = {
        f"{name} {what}": (inside("points", (4, name), value), "keypoints")
        for name in ("x", "id")
        for what, value in (("NaN", math.nan), ("infinite", math.inf), ("huge", 1e13), ("text", "12"), ("missing", np.zeros((0, 0))))
    }
    damage |= {f"scale {what}": (put("scale", value), "scale") for what, value in (("NaN", math.nan), ("text", "x"), ("negative", -2.0))}
    damage |= {
        "id 16": (inside("points", (4, "id"), 16.0), "keypoints"),
        "flag 3": (inside("points", (4, "is_visible"), "3"), "keypoints"),
        "head infinite": (put("head", math.inf), "head-length"),
    }
    return Form(config=Mpii(root=folder, labels="labels.mat", split="all"), entries=entries, write=write, who="person 1 of image {}", damage=damage)


def leeds(folder, name, config, axes, flag):
    pictures(folder, name)
    entries = [{"joints": np.column_stack([points(14)[n], np.full(14, flag)])} for n in range(COUNT)]
    damage = {
        f"{place} {what}": (inside("joints", (5, column), value), "keypoints")
        for place, column in (("x", 0), ("flag", 2))
        for what, value in (("NaN", math.nan), ("infinite", math.inf), ("huge", 1e13))
    }
    damage |= {"flag half": (inside("joints", (5, 2), 0.5), "keypoints"), "flag 2": (inside("joints", (5, 2), 2.0), "keypoints")}

    def write(entries):
        scipy.io.savemat(folder / "joints.mat", {"joints": np.stack([entry["joints"] for entry in entries]).transpose(axes)})

    return Form(config=config, entries=entries, write=write, who=name, damage=damage)


def lspet(folder):
    return leeds(folder, "im{:05d}.jpg", Lspet(root=folder, split="all"), (1, 2, 0), 1.0)


def lsp(folder):
    return leeds(folder, "im{:04d}.jpg", Lsp(root=folder, split="all"), (2, 1, 0), 0.0)


FORMS = {form.__name__: form for form in (mpii_json, hrnet, mpii_h5, flic, release, lspet, lsp)}


def counts(report):
    """Without notes: a json without a valid.h5 beside it has no head lengths."""
    return {rule: len(faults) for rule, faults in report.by_rule().items() if faults[0].severity != "note"}


@pytest.mark.parametrize("name", FORMS)
def test_clean_files_have_no_fault(tmp_path, name):
    form = FORMS[name](tmp_path)
    form.write(form.entries)
    assert len(read(form.config)) == COUNT
    assert counts(check(form.config)) == {}


@pytest.mark.parametrize("name", FORMS)
def test_damage_is_counted_named_refused_and_left_out(tmp_path, name):
    """Every kind, one after the other."""
    kinds = list(FORMS[name](tmp_path).damage)
    for number, kind in enumerate(kinds):
        form = FORMS[name](tmp_path)
        change, rule = form.damage[kind]
        for i in HIT:
            change(form.entries[i])
        form.write(form.entries)
        report = check(form.config)
        assert counts(report) == {rule: 3}, kind
        assert report.people == COUNT - 3, kind
        assert [fault.where for fault in report.faults if fault.severity == "error"] == [form.who.format(i + 1) for i in HIT], kind
        with pytest.raises(AnnotationError, match=r"\(and 2 more: `glasspose data check` lists them\)"):
            read(form.config)
        if number == 0:
            repaired = repair(form.config, tmp_path.parent / f"{tmp_path.name}-repaired")
            assert (repaired.people, repaired.left_out) == (COUNT - 3, {rule: 3}), kind


@pytest.mark.parametrize("name", ["mpii_json", "hrnet"])
@pytest.mark.parametrize("value", [None, "x", [], 5])
def test_entries_that_are_none(tmp_path, name, value):
    form = FORMS[name](tmp_path)
    for i in HIT:
        form.entries[i] = value
    form.write(form.entries)
    report = check(form.config)
    assert counts(report) == {"annotation-entry": 3}
    assert [fault.where for fault in report.faults if fault.severity == "error"] == [f"person {i + 1} of the file" for i in HIT]


@pytest.mark.parametrize("name", FORMS)
def test_a_keypoint_outside_the_picture_is_a_warning(tmp_path, name):
    form = FORMS[name](tmp_path)
    far = {"mpii_json": "joint_self", "hrnet": "joints", "mpii_h5": "part", "flic": "part", "lspet": "joints", "lsp": "joints"}
    for i in HIT:
        part = form.entries[i]["points"][0] if name == "release" else form.entries[i][far[name]][0]
        part["x" if name == "release" else 0] = 900.0
    form.write(form.entries)
    assert counts(check(form.config))["keypoint-outside"] == 3
    assert len(read(form.config)) == COUNT


@pytest.mark.parametrize("missing", [0.0, -1.0])
def test_a_scale_that_is_not_known_is_no_damage(tmp_path, missing):
    form = mpii_json(tmp_path)
    form.entries[1]["scale_provided"] = missing
    form.write(form.entries)
    assert counts(check(form.config)) == {}
    person = read(form.config).annotations[1]
    assert np.ptp(person.box[[0, 2]]) == pytest.approx(np.ptp(person.keypoints[:, 0]) + 1, abs=1.5)


def test_a_number_of_a_splits_file_twice_is_a_person_twice(tmp_path):
    form = lspet(tmp_path)
    form.write(form.entries)
    (tmp_path / "splits.json").write_text('{"mine": [1, 2, 2, 3]}')
    data = Lspet(root=tmp_path, split="mine")
    assert counts(check(data)) == {"annotation-id": 1}


@pytest.mark.data
@pytest.mark.slow
def test_the_real_files_have_no_damaged_entry(data_root):
    from glasspose.data import survey

    mpii = {"root": data_root / "mpii", "split": "all"}
    files = [Mpii(**mpii), *(Mpii(**mpii, labels=name) for name in ("valid.h5", "mpii_five_images.json"))]
    files += [Flic(root=data_root / "flic", split=split) for split in ("train", "valid")]
    files += [Lspet(root=data_root / "lspet", split=split) for split in ("all", "train", "val", "test")]
    assert [survey(data)[1] for data in files] == [[]] * len(files)
