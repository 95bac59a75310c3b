"""The command around the service: options, tokens, failures. The service itself is in tests/serving."""

import socket
from pathlib import Path

import pytest

from commands_for_tests import fails
from glasspose.serving.settings import Settings

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def served(monkeypatch):
    """The settings that the command arrives at, instead of a service."""
    found = []
    monkeypatch.setattr(
        "glasspose.serving.running.serve", lambda weights=None, announce=None, **options: found.append(Settings(weights=weights, **options)) or 143
    )
    monkeypatch.delenv("GLASSPOSE_TOKEN", raising=False)
    return found


def test_the_defaults_are_those_of_the_settings(told, served):
    assert told("serve")[0] == 143
    assert served == [Settings()]


def test_options_arrive(told, served):
    told(
        "serve",
        "w.safetensors",
        "--port",
        0,
        "--keep",
        "kept",
        "--keep-days",
        3,
        "--allow-host",
        "a",
        "--allow-host",
        "b",
        "--no-explain",
        "--max-megabytes",
        2,
    )
    (made,) = served
    assert (made.weights, made.port, made.hosts, made.explain, made.max_bytes) == ("w.safetensors", 0, ("a", "b"), False, 2 * 2**20)
    assert (made.keeping.folder, made.keeping.days) == (Path("kept"), 3.0)


def test_the_token_comes_from_a_file_or_the_environment_and_is_never_shown(told, served, monkeypatch):
    Path("token").write_text("a-token-of-enough-letters\nand a comment\n")
    _, out, err = told("serve", "--token-file", "token", "--host", "0.0.0.0")
    monkeypatch.setenv("GLASSPOSE_TOKEN", "another-token-of-enough-letters")
    told("serve")
    assert [made.token for made in served] == ["a-token-of-enough-letters", "another-token-of-enough-letters"]
    assert "enough-letters" not in out + err
    assert not err


def test_an_open_door_is_told(told, served):
    assert "no token" in told("serve", "--host", "0.0.0.0")[2]


def test_what_makes_no_sense(told, served):
    Path("token").write_text("short")
    fails(told("serve", "--token-file", "token"), 2, "token")
    fails(told("serve", "--token-file", "nowhere"), 5, "nowhere")
    fails(told("serve", "--queue", 0), 2, "queue")


def test_a_port_that_is_taken_is_one_line(told):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        fails(told("serve", "--port", taken.getsockname()[1]), 2, "cannot listen", "--port")
