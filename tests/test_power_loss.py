"""The power fails at any point of the write sequence: what was not synced is gone, and renames that were not synced may or may not be there."""

import os
from itertools import chain, combinations
from pathlib import Path

import pytest
import torch

from glasspose.checkpoint import LAST, PREVIOUS, load_checkpoint, save_checkpoint
from glasspose.errors import WeightsError

SAVES = 3


class Disk:
    """What a series of saves asks of the operating system, in order."""

    def __init__(self, monkeypatch, folder):
        self.folder, self.calls, self.saves = folder, [], []
        opened, fsync, replace, unlink = Path.open, os.fsync, os.replace, Path.unlink

        def noted(path, mode="r", *rest, **named):
            file = opened(path, mode, *rest, **named)
            if "w" in mode:
                self.calls.append(("create", path.name, None))
                write = file.write
                file = Written(file, lambda content: (self.calls.append(("write", path.name, bytes(content))), write(content)))
            return file

        def synced(handle):
            path = Path(f"/proc/self/fd/{handle}").readlink()
            self.calls.append(("sync folder", "", None) if path.is_dir() else ("sync", path.name, None))
            fsync(handle)

        def renamed(source, to):
            self.calls.append(("rename", Path(source).name, Path(to).name))
            replace(source, to)

        def deleted(path, missing_ok=False):
            self.calls.append(("delete", path.name, None))
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "open", noted)
        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "replace", renamed)
        monkeypatch.setattr(os, "rename", renamed)
        monkeypatch.setattr(Path, "unlink", deleted)


class Written:
    def __init__(self, file, write):
        self.file, self.write = file, write

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


def after_power_loss(calls):
    """Every folder, as {name: content}, that a disk may hold when the power fails after these calls."""
    contents, synced, waiting = {}, set(), []
    names, number, base = {}, {}, {}
    for i, (kind, name, other) in enumerate(calls):
        if kind == "create":
            number[name], contents[i] = i, b""
            waiting.append(("put", name, i))
        elif kind == "write":
            contents[number[name]] += other
            synced.discard(number[name])
        elif kind == "sync":
            synced.add(number[name])
        elif kind == "rename":
            number[other] = number.pop(name)
            waiting.append(("move", name, other, number[other]))
        elif kind == "delete" and name in number:
            number.pop(name)
            waiting.append(("drop", name))
        elif kind == "sync folder":
            base, waiting = applied(base, waiting), []
    for chosen in chain.from_iterable(combinations(waiting, n) for n in range(len(waiting) + 1)):
        names = applied(base, chosen)
        for share in (0.0, 0.5):  # of a file that was not synced
            yield {name: contents[i] if i in synced else contents[i][: int(len(contents[i]) * share)] for name, i in names.items()}


def applied(base, changes):
    names = dict(base)
    for change in changes:
        if change[0] == "put":
            names[change[1]] = change[2]
        elif change[0] == "drop":
            names.pop(change[1], None)
        else:
            names.pop(change[1], None)
            names[change[2]] = change[3]
    return names


def test_every_prefix_of_three_saves_leaves_the_last_one_that_returned(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        disk = Disk(patched, folder)
        for number in range(1, SAVES + 1):
            save_checkpoint(folder, {"weights": torch.full((50,), float(number))}, {"number": number})
            disk.saves.append(len(disk.calls))
    tried = 0
    for end in range(disk.saves[0], len(disk.calls) + 1):
        returned = sum(save <= end for save in disk.saves)
        for held in after_power_loss(disk.calls[:end]):
            number = loaded(tmp_path / f"tried{tried}", held)
            tried += 1
            assert number in (returned, returned + 1), (disk.calls[:end][-1], sorted(held), number)
    assert tried > 60


def loaded(folder, held):
    folder.mkdir()
    for name, content in held.items():
        (folder / name).write_bytes(content)
    try:
        tensors, state = load_checkpoint(folder)
    except WeightsError:
        return None
    assert (tensors["weights"] == state["number"]).all()
    return state["number"]


def test_the_model_sees_what_is_not_synced():
    """Without syncs it loses everything: the model itself can tell."""
    calls = [("create", "a", None), ("write", "a", b"1234"), ("rename", "a", "b")]
    found = list(after_power_loss(calls))
    assert {} in found
    assert {"b": b""} in found
    assert {"a": b"12"} in found
    assert not any(b"1234" in held.values() for held in found)
    synced = [*calls[:2], ("sync", "a", None), calls[2], ("sync folder", "", None)]
    assert list(after_power_loss(synced)) == [{"b": b"1234"}] * 2


def test_names_are_those_of_a_run():
    assert (LAST, PREVIOUS) == ("last.ckpt", "previous.ckpt")
    with pytest.raises(WeightsError):
        load_checkpoint(Path("nowhere"))
