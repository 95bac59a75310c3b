import errno
import os
from pathlib import Path

import pytest

from glasspose.errors import InputError
from glasspose.files import sync_folder, write_atomically


def test_a_file_is_written_with_its_folders(tmp_path):
    write_atomically(tmp_path / "a/b/file.txt", b"content")
    assert (tmp_path / "a/b/file.txt").read_bytes() == b"content"
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["file.txt"]


def test_the_old_file_is_replaced_or_kept(tmp_path):
    path, kept = tmp_path / "file.txt", tmp_path / "kept.txt"
    for content in (b"one", b"two"):
        write_atomically(path, content)
    write_atomically(path, b"three", keep=kept)
    assert (path.read_bytes(), kept.read_bytes()) == (b"three", b"two")


@pytest.mark.parametrize("size", [10, 3 * 2**20])
def test_a_full_disk_names_what_is_needed_and_leaves_the_old_file(tmp_path, monkeypatch, size):
    path = tmp_path / "file.txt"
    write_atomically(path, b"old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="3.0 MiB are needed" if size > 10 else "10 bytes are needed"):
        write_atomically(path, b"x" * size, keep=tmp_path / "kept.txt")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file.txt", b"old")]


@pytest.mark.parametrize("name", ["file/inside", "folder", "a" * 300])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path, name):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder/full").mkdir(parents=True)
    with pytest.raises(InputError, match="cannot write") as problem:
        write_atomically(tmp_path / name, b"content")
    assert "\n" not in str(problem.value)
    assert not list(tmp_path.glob("**/*.tmp"))


def test_syncing_a_folder_leaves_no_handle_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for _ in range(20):
        sync_folder(tmp_path)
    assert before == 0 or len(list(Path("/proc/self/fd").iterdir())) <= before + 1
