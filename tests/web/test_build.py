import json
import subprocess

import pytest

from page_for_tests import PAGE, WEB, packages

MOST = 300 * 1024


def test_what_is_committed_is_small_and_asks_for_nothing_elsewhere():
    files = [path for path in PAGE.iterdir() if path.is_file()]
    assert {"index.html", "page.js", "worker.js", "page.css", "service-worker.js", "manifest.webmanifest", "icon.svg"} <= {
        path.name for path in files
    }
    assert sum(path.stat().st_size for path in files) < MOST
    for path in files:
        text = path.read_bytes().replace(b"http://www.w3.org/2000/svg", b"")
        assert b"http:" not in text, path
        assert b"https:" not in text, path
    shown = (PAGE / "index.html").read_text()
    assert "<style" not in shown
    assert shown.count("<script") == 1
    assert " style=" not in shown


def test_versions_are_exact_and_no_lock_file_is_kept():
    told = json.loads((WEB / "package.json").read_text())
    assert all(version[0].isdigit() for version in told["devDependencies"].values())
    assert not (WEB / "package-lock.json").exists()


@pytest.mark.slow
def test_what_is_committed_is_what_a_build_gives(tmp_path):
    subprocess.run([packages(), str(WEB / "build.mjs"), str(tmp_path)], check=True, capture_output=True, timeout=60)
    fresh = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.is_file()}
    assert fresh.keys() == kept.keys()
    assert [name for name in fresh if fresh[name] != kept[name]] == [], "run `make page` and commit what it changes"


@pytest.mark.slow
def test_types(tmp_path):
    packages()
    done = subprocess.run(["npx", "--no-install", "tsc"], cwd=WEB, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
