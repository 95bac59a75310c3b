import os
import tarfile
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives_for_tests import ATTACKS, GOOD, reason, tarred, zipped
from glasspose.data import archives
from glasspose.data.archives import Limits, unpack
from glasspose.errors import GlassposeError, InputError

LIMITS = Limits(members=1000, bytes=8 << 20)


def everything(folder):
    """Every file, folder and link below, with its inode."""
    return {(str(path), os.lstat(path).st_ino) for path in folder.rglob("*")}


def planted(tmp_path, content):
    path = tmp_path / "within" / "archive.bin"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_leaves_nothing(tmp_path, attack):
    archive = planted(tmp_path, ATTACKS[attack])
    before, started = everything(tmp_path), time.monotonic()
    with pytest.raises(InputError) as problem:
        unpack(archive, tmp_path / "within" / "out", LIMITS)
    assert everything(tmp_path) == before
    assert str(problem.value).isprintable()
    assert reason(attack) in str(problem.value)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "content",
    [zipped(GOOD), tarred(list(GOOD.items())), tarred([(f"./{name}", data) for name, data in GOOD.items()]), tarred(list(GOOD.items()), "w")],
    ids=["zip", "tar.gz", "tar.gz with ./", "tar"],
)
def test_what_is_good_is_unpacked_whole(tmp_path, content):
    archive, told = planted(tmp_path, content), []
    found = unpack(archive, tmp_path / "out", LIMITS, lambda done, total: told.append((done, total)))
    assert {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == GOOD
    assert found == archives.Unpacked(files=3, bytes=sum(map(len, GOOD.values())), entries=("images", "joints.mat"))
    assert [done for done, _ in told][-1] == found.bytes
    assert all(done <= total for done, total in told)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_and_foreign_names_are_kept(tmp_path, form):
    name = "images/" + ("ä" if form != tarfile.USTAR_FORMAT else "a") * 60 + "/photo (1).jpg"
    unpack(planted(tmp_path, tarred([(name, b"x")], form=form)), tmp_path / "out", LIMITS)
    assert (tmp_path / "out" / name).read_bytes() == b"x"


def test_members_larger_than_one_piece_keep_their_bytes(tmp_path):
    """Sizes about the block and the piece, where a reader that goes forward only could slip."""
    sizes = [0, 1, 511, 512, 513, archives.CHUNK - 1, archives.CHUNK, archives.CHUNK + 1, 3 * archives.CHUNK]
    content = [(f"{i}", os.urandom(size)) for i, size in enumerate(sizes)]
    for number, data in enumerate((tarred(content), tarred(content, "w"), zipped(content))):
        (tmp_path / f"a{number}").write_bytes(data)
        unpack(tmp_path / f"a{number}", tmp_path / f"out{number}", LIMITS)
        assert [(tmp_path / f"out{number}" / name).read_bytes() for name, _ in content] == [part for _, part in content]


@pytest.mark.parametrize("pack", [zipped, lambda files: tarred(list(files.items())), lambda files: tarred(list(files.items()), "w")])
def test_more_bytes_than_allowed_are_refused_whatever_the_ratio(tmp_path, pack):
    archive = planted(tmp_path, pack({"a": os.urandom(60_000), "b": os.urandom(60_000)}))
    with pytest.raises(InputError, match="more than 100000 bytes"):
        unpack(archive, tmp_path / "out", Limits(members=1000, bytes=100_000))
    assert unpack(archive, tmp_path / "out", Limits(members=1000, bytes=120_000)).bytes == 120_000


def test_the_right_to_run_is_not_taken_over(tmp_path):
    info = tarfile.TarInfo("tool")
    info.mode = 0o6777
    unpack(planted(tmp_path, tarred([(info, b"#!/bin/sh")])), tmp_path / "out", LIMITS)
    assert not (tmp_path / "out/tool").stat().st_mode & 0o7111


def test_a_broken_off_run_leaves_nothing(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    archive = planted(tmp_path, zipped(GOOD))
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "out", LIMITS, stop)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_not_written_into(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        unpack(planted(tmp_path, zipped(GOOD)), tmp_path / "out", LIMITS)
    assert not list((tmp_path / "out").iterdir())


BOTH = {"zip": zipped(GOOD), "tar": tarred(list(GOOD.items()))}


@pytest.mark.parametrize("kind", BOTH)
@given(data=st.data())
def test_damage_is_one_of_our_errors_or_harmless(tmp_path_factory, kind, data):
    content = bytearray(BOTH[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "archive").write_bytes(content)
    try:
        unpack(folder / "archive", folder / "out", LIMITS)
    except GlassposeError:
        assert not (folder / "out").exists()
    assert {path.name for path in folder.iterdir()} <= {"archive", "out"}
