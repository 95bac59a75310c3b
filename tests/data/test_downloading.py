import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from archives_for_tests import ATTACKS, GOOD, tarred, zipped
from glasspose.data import downloading
from glasspose.data.downloading import SOURCES, download, read_sources
from glasspose.data.fetching import Patience
from glasspose.data.origins import Archive
from glasspose.errors import InputError, MissingError
from servers_for_tests import serving

HASTE = Patience(silence=0.4, tries=2, pause=0.01)
CONTENT = zipped(GOOD)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LABELS = tarred([("labels/a.json", b"{}")])


def an_archive(server="", **options):
    return Archive(**{"part": "all", "name": "good.zip", "address": f"{server}/good.zip"} | options)


def get(folder, *archives, **options):
    return list(download(archives, folder, "https://example.org/page", patience=HASTE, **options))


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "new" / "data"


@pytest.fixture
def server():
    with serving({"good.zip": CONTENT, "labels.tar.gz": LABELS}) as (address, manners):
        yield address, manners


def test_a_dataset_is_fetched_unpacked_and_remembered(folder, server):
    address, _ = server
    archives = [an_archive(address, sha256=DIGEST, size=len(CONTENT)), an_archive(address, name="labels.tar.gz", address=f"{address}/labels.tar.gz")]
    outcomes = get(folder, *archives)
    assert files(folder) == {*GOOD, "labels/a.json", SOURCES}
    assert {name: (folder / name).read_bytes() for name in GOOD} == GOOD
    told = json.loads((folder / SOURCES).read_text())
    assert list(told)[:2] == ["format", "version"]
    assert told["archives"]["good.zip"]["sha256"] == DIGEST
    assert told["archives"]["good.zip"]["address"] == f"{address}/good.zip"
    assert read_sources(folder)["labels.tar.gz"] == outcomes[1].record
    assert [path.name for path in folder.parent.iterdir()] == ["data"]


def test_what_is_complete_is_not_fetched_again(folder, server):
    address, manners = server
    get(folder, an_archive(address))
    [outcome] = get(folder, an_archive(address))
    assert outcome.was_there
    assert len(manners.asked) == 1


def test_archives_are_kept_on_request_and_compared_later(folder, server):
    get(folder, an_archive(server[0]), keep=True)
    assert (folder / "good.zip").read_bytes() == CONTENT
    get(folder, an_archive(server[0]))
    (folder / "good.zip").write_bytes(CONTENT + b"x")
    with pytest.raises(InputError, match="not the file that was unpacked"):
        get(folder, an_archive(server[0]))


@pytest.mark.parametrize("options", [{"sha256": "0" * 64}, {"size": len(CONTENT) + 1}], ids=["checksum", "length"])
def test_other_content_is_refused_and_not_unpacked(folder, server, options):
    with pytest.raises(InputError):
        get(folder, an_archive(server[0], **options))
    assert files(folder) <= {SOURCES}


def test_the_first_content_is_what_later_ones_are_compared_with(folder, server):
    address, manners = server
    get(folder, an_archive(address))
    for name in GOOD:
        (folder / name).unlink()
    (folder / "images").rmdir()
    manners.files["good.zip"] = zipped({**GOOD, "more.txt": b"x"})
    with pytest.raises(InputError, match=r"recorded in SOURCES.json"):
        get(folder, an_archive(address))
    manners.files["good.zip"] = CONTENT
    get(folder, an_archive(address))
    assert files(folder) == {*GOOD, SOURCES}


def test_an_archive_that_lies_there_is_used_and_never_removed(folder, server):
    folder.mkdir(parents=True)
    (folder / "good.zip").write_bytes(CONTENT)
    get(folder, an_archive(address=None, sha256=DIGEST, size=len(CONTENT)))
    assert files(folder) == {*GOOD, SOURCES, "good.zip"}
    assert not server[1].asked


def test_an_archive_elsewhere_may_be_linked(folder, tmp_path):
    """A mounted drive holds the archive, and the unpacked files lie on the machine's own disk."""
    folder.mkdir(parents=True)
    (tmp_path / "drive.zip").write_bytes(CONTENT)
    (folder / "good.zip").symlink_to(tmp_path / "drive.zip")
    get(folder, an_archive(address=None))
    assert (folder / "joints.mat").read_bytes() == GOOD["joints.mat"]
    assert (tmp_path / "drive.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("options", [{"sha256": "0" * 64}, {"size": 5}])
def test_a_wrong_archive_that_lies_there_is_refused_and_not_removed(folder, options):
    folder.mkdir(parents=True)
    (folder / "good.zip").write_bytes(CONTENT)
    with pytest.raises(InputError, match="Move it away"):
        get(folder, an_archive(address=None, **options))
    assert files(folder) == {"good.zip"}


def test_without_an_address_the_page_is_named(folder):
    with pytest.raises(MissingError, match=r"https://example.org/page") as problem:
        get(folder, replace(an_archive(), address=None))
    assert problem.value.exit_code == 6


@pytest.mark.parametrize("attack", ["zip: parent folder", "tar: symbolic link", "zip: bomb", "no archive"])
def test_an_attack_leaves_no_tree(folder, server, attack):
    server[1].files["good.zip"] = ATTACKS[attack]
    with pytest.raises(InputError):
        get(folder, an_archive(server[0]))
    assert files(folder) == {"good.zip", SOURCES}
    assert {path.name for path in folder.iterdir()} == {"good.zip", SOURCES}


@pytest.mark.parametrize("name", [SOURCES, "good.zip", "other.zip.part", "other.zip.part.json"])
def test_an_archive_cannot_pose_as_our_own_files(folder, server, name):
    server[1].files["good.zip"] = zipped({name: b"{}"})
    with pytest.raises(InputError, match="pass for one of ours"):
        get(folder, an_archive(server[0]))
    assert read_sources(folder)["good.zip"].entries == ()


def test_nothing_that_was_there_is_overwritten(folder, server):
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there already"):
        get(folder, an_archive(server[0]))
    assert files(folder) == {"images/mine.jpg", "good.zip", SOURCES}


def test_own_files_beside_the_unpacked_ones_do_no_harm(folder, server):
    get(folder, an_archive(server[0]))
    (folder / "images" / "mine.jpg").write_bytes(b"mine")
    (folder / "splits.json").write_text("{}")
    assert get(folder, an_archive(server[0]))[0].was_there


def test_missing_files_are_noticed(folder, server):
    get(folder, an_archive(server[0]))
    (folder / "images" / "im00001.jpg").unlink()
    with pytest.raises(InputError, match="2 of 3 files"):
        get(folder, an_archive(server[0]))


@pytest.mark.parametrize("moved", [0, 1])
def test_a_run_that_was_broken_off_while_placing_is_finished(folder, server, moved, monkeypatch):
    address, manners = server
    rename, count = Path.rename, []

    def stop(self, target):
        if len(count) == moved:
            raise KeyboardInterrupt
        count.append(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        get(folder, an_archive(address))
    assert not (folder / "joints.mat").exists(), "a complete-looking tree must not come first"
    monkeypatch.undo()
    get(folder, an_archive(address))
    assert files(folder) == {*GOOD, SOURCES}
    assert len(manners.asked) == 1


def test_leftovers_of_unpacking_are_thrown_away(folder, server):
    leftover = folder / ".good.zip.unpacking" / "images"
    leftover.mkdir(parents=True)
    (leftover / "half.jpg").write_bytes(b"x")
    get(folder, an_archive(server[0]))
    assert files(folder) == {*GOOD, SOURCES}


def test_no_room_is_one_line_before_the_first_byte(folder, server, monkeypatch):
    free = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: free)
    with pytest.raises(MissingError, match=r"2\.2 GB are needed .*\(1\.0 to fetch, about 1\.2 unpacked\), 0\.0 GB are free"):
        get(folder, an_archive(server[0], about=10**9, growth=1.2))
    assert not server[1].asked
    with pytest.raises(MissingError, match="needed"):
        get(folder, an_archive(server[0], growth=1000))
    assert files(folder) <= {"good.zip.part.json"}


@pytest.mark.parametrize("where", ["fetch", "unpack"])
def test_a_full_disk_is_one_line_and_keeps_what_has_come(folder, server, monkeypatch, where):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloading, where, full)
    with pytest.raises(MissingError, match="No space left"):
        get(folder, an_archive(server[0]))
    monkeypatch.undo()
    assert files(folder) == ({"good.zip", SOURCES} if where == "unpack" else set())
    get(folder, an_archive(server[0]))
    assert set(GOOD) <= files(folder)


@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
@pytest.mark.parametrize("step", ["fetched", "compared", "unpacked"])
def test_a_run_that_is_broken_off_in_any_step_is_resumed(folder, problem, step):
    @contextmanager
    def stage(told):
        def progress(done, total):
            if told.endswith(step) and done > 1:
                raise problem

        yield progress

    content = zipped({"images/noise.bin": os.urandom(3_000_000)})
    with serving({"good.zip": content}) as (address, manners):
        with pytest.raises((MissingError, KeyboardInterrupt)):
            get(folder, an_archive(address), stage=stage)
        assert not (folder / "images").exists()
        assert not (folder / ".good.zip.unpacking").exists()
        get(folder, an_archive(address))
    assert manners.sent < len(content) + 2_000_000
    assert len(manners.asked) == (2 if step == "fetched" else 1)
    assert files(folder) == {"images/noise.bin", SOURCES}


@contextmanager
def files_no_larger_than(size):
    """A limit of the system instead of a full disk: a write takes what fits, and the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("short", [1, 1_700_000])
def test_a_disk_that_refuses_in_the_middle(folder, short):
    content = zipped({"images/noise.bin": os.urandom(3_000_000)})
    with serving({"good.zip": content}) as (address, manners):
        limit = len(content) - short
        with files_no_larger_than(limit), pytest.raises(MissingError, match="what has come is kept"):
            get(folder, an_archive(address))
        assert (folder / "good.zip.part").read_bytes() == content[:limit]
        get(folder, an_archive(address))
        assert manners.asked[-1][1]["Range"] == f"bytes={limit}-"
    assert files(folder) == {"images/noise.bin", SOURCES}


def test_a_disk_that_refuses_while_unpacking(folder):
    content = zipped({"images/noise.bin": bytes(1_000_000), "joints.mat": os.urandom(100_000)})
    with serving({"good.zip": content}) as (address, manners):
        with files_no_larger_than(500_000), pytest.raises(MissingError, match="what has come is kept"):
            get(folder, an_archive(address))
        assert files(folder) == {"good.zip", SOURCES}
        get(folder, an_archive(address))
    assert len(manners.asked) == 1
    assert files(folder) == {"images/noise.bin", "joints.mat", SOURCES}


PROCESS = """
import sys
from pathlib import Path
from glasspose.data.downloading import download
from glasspose.data.origins import Archive
list(download([Archive(part="all", name="good.zip", address=sys.argv[1])], Path(sys.argv[2]), "page"))
"""


def in_a_process(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(Path(downloading.__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", PROCESS, *map(str, arguments)], env=environment)


@pytest.mark.slow
def test_a_killed_run_is_resumed(folder):
    content = zipped({"images/noise.bin": os.urandom(1_000_000)})
    with serving({"good.zip": content}, silent=[600_000]) as (address, manners):
        process = in_a_process(f"{address}/good.zip", folder)
        part = folder / "good.zip.part"
        while not (part.exists() and part.stat().st_size == 600_000):
            assert process.poll() is None
            time.sleep(0.02)
        with pytest.raises(InputError, match="another run is at work"):
            get(folder, an_archive(address))
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        get(folder, an_archive(address))
    assert manners.sent == len(content)
    assert files(folder) == {"images/noise.bin", SOURCES}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": "x", "version": 1, "archives": {}}',
        b"[" * 100_000,
        b'{"format": "glasspose.sources", "version": 1, "archives": {"a": 1}}',
    ],
)
def test_a_damaged_record_is_one_line(folder, content):
    folder.mkdir(parents=True)
    (folder / SOURCES).write_bytes(content)
    with pytest.raises(InputError, match=r"SOURCES.json"):
        get(folder, an_archive())


@pytest.mark.parametrize("entry", ["../elsewhere", "/etc", "..", "", 3])
def test_a_record_cannot_name_other_places(folder, entry):
    folder.mkdir(parents=True)
    record = {"sha256": "0", "bytes": 1, "date": "", "entries": [entry]}
    (folder / SOURCES).write_text(json.dumps({"format": "glasspose.sources", "version": 1, "archives": {"good.zip": record}}))
    with pytest.raises(InputError, match=r"SOURCES.json"):
        get(folder, an_archive())


def test_two_runs_in_one_folder_do_not_mix(folder, server):
    @contextmanager
    def stage(_):
        with pytest.raises(InputError, match="another run is at work"):
            get(folder, an_archive(server[0]))
        yield lambda _done, _total: None

    get(folder, an_archive(server[0]), stage=stage)
    assert files(folder) == {*GOOD, SOURCES}
