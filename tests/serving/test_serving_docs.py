"""The clients that docs/serving.md shows are run as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dots_for_tests import FIGURE, dot_picture
from serving_for_tests import encoded

PAGE = Path(__file__).parents[2] / "docs/serving.md"


def example(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]


def run(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(encoded(dot_picture(FIGURE), ".jpg"))
    return tmp_path


def test_the_python_client(dots, folder):
    (folder / "client.py").write_text(example("python").replace("127.0.0.1:8000", f"127.0.0.1:{dots.port}"))
    done = run([sys.executable, "client.py"], folder)
    assert done.returncode == 0, done.stderr
    names = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert names == ["red", "green", "blue", "yellow", "magenta", "cyan"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_the_curl_commands(dots, folder):
    lines = example("sh").replace("127.0.0.1:8000", f"127.0.0.1:{dots.port}").splitlines()
    answers = [run(["bash", "-c", line], folder) for line in lines]
    assert [done.returncode for done in answers] == [0, 0, 0], answers
    assert '"people"' in answers[0].stdout
    assert (folder / "drawn.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert '"box":[40' in answers[2].stdout


def test_the_kotlin_client_names_what_the_service_has():
    text = example("kotlin")
    assert "/v1/poses" in text
    for name in ("people", "keypoints", "code", "message", '"x"', '"y"', '"score"', '"seen"'):
        assert name in text
    assert text.count("{") == text.count("}")
