"""What is kept, for how long and how much; and the files of the page."""

import asyncio
import os
import time

from glasspose.serving import keeping, pages
from glasspose.serving.keeping import Kept
from glasspose.serving.settings import Keeping
from serving_for_tests import ask, nearby

JPEG = b"\xff\xd8" + bytes(998)


def test_the_quota_is_held_and_counts_what_was_there(tmp_path):
    kept = Kept(Keeping(folder=tmp_path, bytes=2500))
    names = [kept.add(JPEG, {"people": []}) for _ in range(4)]
    assert [name is not None for name in names] == [True, True, False, False]
    assert Kept(Keeping(folder=tmp_path, bytes=2500)).add(JPEG, {}) is None
    assert kept.delete(names[0])
    assert kept.add(JPEG, {}) is not None
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2500


def test_old_pictures_are_deleted_and_other_files_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "BETWEEN", 0.0)
    kept = Kept(Keeping(folder=tmp_path, days=2))
    old, young = kept.add(JPEG, {}), kept.add(JPEG, {})
    mine = tmp_path / "notes.txt"
    mine.write_text("mine")
    for path in (*tmp_path.glob(f"{old}*"), mine):
        os.utime(path, (time.time() - 3 * 86_400,) * 2)
    kept.add(JPEG, {})
    assert not list(tmp_path.glob(f"{old}*"))
    assert len(list(tmp_path.glob(f"{young}*"))) == 2
    assert mine.exists()


def test_an_id_is_never_a_path(tmp_path):
    kept = Kept(Keeping(folder=tmp_path / "kept"))
    beside = tmp_path / ("a" * 32 + ".jpg")
    beside.write_bytes(JPEG)
    (tmp_path / "kept" / ("b" * 32 + ".jpg")).symlink_to(beside)
    for name in ("../" + "a" * 32, "a" * 32, "b" * 32, "*", "", ".", "A" * 32, "a" * 31 + "\n", "a" * 33):
        assert not kept.delete(name), name
    assert beside.exists()


def test_a_full_disk_is_no_failure_of_the_answer(tmp_path):
    kept = Kept(Keeping(folder=tmp_path / "kept"))
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").write_bytes(b"no folder")
    kept._looked = time.time()
    kept._files = list
    assert kept.add(JPEG, {}) is None


def pages_of(*requests):
    async def run():
        async with nearby() as (port, _, _):
            return [await ask(port, *words[:2], **words[2]) for words in requests]

    return asyncio.run(run())


def test_the_page_and_its_headers():
    page, style, head = pages_of(("GET", "/", {}), ("GET", "/page.css", {}), ("HEAD", "/", {}))
    assert (page.status, style.status, head.status) == (200, 200, 200)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-cache"
    assert "max-age" in style.headers["cache-control"]
    assert b"http://" not in page.body
    assert b"https://" not in page.body


def test_a_page_that_is_unchanged_is_not_sent_again():
    (first,) = pages_of(("GET", "/", {}))
    (again,) = pages_of(("GET", "/", {"if_none_match": first.headers["etag"]}))
    assert (again.status, again.body) == (304, b"")


def test_kinds_of_files_and_those_that_cannot_be_asked_for(tmp_path):
    for name in ("index.html", "app.mjs", "net/model.onnx", "ort.wasm", ".hidden", ".git/config", "site.webmanifest"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link.txt").symlink_to("/etc/hostname")
    found = pages.files(tmp_path)
    assert set(found) == {"/", "/index.html", "/app.mjs", "/net/model.onnx", "/ort.wasm", "/site.webmanifest"}
    assert pages.KINDS[".wasm"] == "application/wasm"
    assert pages.KINDS[".mjs"].startswith("text/javascript")
