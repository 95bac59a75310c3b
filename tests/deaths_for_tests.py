"""Real training processes that end as processes do: killed at any moment, stopped by a signal, out of disk.

Run as a program, this file is a parent that has imported everything and forks one `glasspose train` for each line on its stdin, so that
a death costs no import of torch. `Deaths` is its client.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent
POINTS = {
    "half of the checkpoint is written": ("write", 0),
    "the checkpoint is written and not synced": ("fsync", 0),
    "before the renames": ("replace", 0),
    "between the renames": ("replace", 1),
    "after the renames": ("fsync", 1),
    "before the best weights are written": ("save_weights", 0),
    "best weights are newer than the checkpoint": ("save_checkpoint", 0),
    "everything of the epoch is written": ("saved", 0),
    "in validation": ("answers", 0),
}
"""A place in the program: what is called there, and how many such calls of the same epoch come before."""


class Deaths:
    """`run` starts one training process and waits for its end."""

    def __init__(self):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)]), "OMP_NUM_THREADS": "1"}
        package = os.environ.get("GLASSPOSE_MUTANT")  # a changed copy of the package: see tests/mutants.py
        if package:
            environment["PYTHONPATH"] = os.pathsep.join([package, str(TESTS)])
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, cwd=TESTS
        )

    def run(self, *arguments, **how):
        """`glasspose ARGUMENTS`. How it dies: after=SECONDS and by=SIGNAL, or at=POINT in epoch=NUMBER, or file_limit=BYTES.

        Gives (exit code, negative where a signal ended it; the place it had reached; what it said on stderr; seconds). `dying`: seconds from
        the signal of the last run to its end, None where it got none.
        """
        self._server.stdin.write(json.dumps({"arguments": [str(a) for a in arguments], **how}) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        self.dying = answer["dying"]
        return answer["code"], answer["place"], answer["said"], answer["seconds"]

    def close(self):
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(60)


def serve():
    import torch

    from glasspose.__main__ import main
    from glasspose.commands import training as _verb  # noqa: F401 - imported now, not in every child
    from glasspose.training import train as _train  # noqa: F401

    torch.set_num_threads(1)
    with contextlib.suppress(ImportError):
        import lightning_fabric  # noqa: F401
        import torch.utils.tensorboard
    for line in sys.stdin:
        order = json.loads(line)
        places, said = os.memfd_create("places"), os.memfd_create("said")
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            live(order, places, said, main)
        code, dying = wait(child, order, places, started)
        answer = {
            "dying": dying,
            "code": code,
            "place": content(places).strip().rpartition("\n")[2],
            "said": content(said),
            "seconds": time.monotonic() - started,
        }
        os.close(places)
        os.close(said)
        print(json.dumps(answer), flush=True)


def content(handle):
    return os.pread(handle, 1 << 20, 0).decode(errors="replace")


def wait(child, order, places, started):
    """The child's exit code, and seconds since its signal. Where the order says so it gets one after a time, or once it has reached a place."""
    sent = None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), None if sent is None else time.monotonic() - sent
        due = "after" in order and time.monotonic() - started > order["after"]
        if due or ("reached" in order and order["reached"] in content(places)):
            os.kill(child, order.get("by", signal.SIGKILL))
            sent = time.monotonic()
            order.pop("after", None)
            order.pop("reached", None)
        time.sleep(0.001)


def live(order, places, said, main):
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle, to in ((nothing, 0), (nothing, 1), (said, 2)):
        os.dup2(handle, to)
    if "file_limit" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], order["file_limit"]))
    watch(order, places)
    code = 70
    try:
        main(order["arguments"])
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException as problem:
        os.write(said, f"Traceback: {problem!r}".encode())
    finally:
        os._exit(code)


def watch(order, places):
    """Note which part of the program is reached, and die at the point that the order names."""
    from glasspose import runs, training
    from glasspose.network import PoseNetwork

    state = {"epoch": 0, "calls": {}, "saving": False}
    name, before = POINTS.get(order.get("at"), ("", 0))

    def reached(what):
        count = state["calls"][what] = state["calls"].get(what, -1) + 1
        if what == name and count == before and state["epoch"] == order.get("epoch", 1):
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(owner, attribute, what, within=False):
        real = getattr(owner, attribute)

        def call(*arguments, **named):
            if attribute == "judge":
                state["epoch"], state["calls"] = state["epoch"] + 1, {}
            if not within or state["saving"]:
                os.write(places, f"{what} {state['epoch']}\n".encode())
                reached(what)
            state["saving"] |= attribute == "save_checkpoint"
            try:
                return real(*arguments, **named)
            finally:
                state["saving"] &= attribute != "save_checkpoint"

        setattr(owner, attribute, call)

    for owner, attribute in ((training, "step"), (training, "judge"), (runs, "save_checkpoint"), (PoseNetwork, "answers")):
        watched(owner, attribute, attribute)
    watched(runs, "save_weights", "save_weights")
    watched_save = training.save_run

    def save(*arguments):
        watched_save(*arguments)
        reached("saved")

    training.save_run = save
    for attribute in ("fsync", "replace"):
        watched(os, attribute, attribute, within=True)
    if name == "write":
        write_half(state, order)


def write_half(state, order):
    opened = Path.open

    def halving(path, mode="r", *rest, **named):
        file = opened(path, mode, *rest, **named)
        if "w" in mode and state["saving"] and state["epoch"] == order.get("epoch", 1):

            def write(content):
                os.write(file.fileno(), content[: len(content) // 2])
                os.kill(os.getpid(), signal.SIGKILL)

            return contextlib.nullcontext(type("Half", (), {"write": staticmethod(write)})())
        return file

    Path.open = halving


if __name__ == "__main__":
    serve()
