"""A real service in a process of its own, and a client that misbehaves as it is told.

As a program, this file is a parent that forks services; `Parent` is its client.
"""

import asyncio
import atexit
import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

TESTS = Path(__file__).parent
LEAK = re.compile(r"0x[0-9a-f]{6,}|/home|/tmp|Traceback|site-packages", re.IGNORECASE)


def main(options):
    from glasspose.errors import GlassposeError
    from glasspose.serving import process, running
    from glasspose.serving.settings import Deadlines, Keeping

    process.PRELOADED = [*process.PRELOADED, "served_dots_for_tests"]
    if "deadlines" in options:
        options["deadlines"] = Deadlines(**options["deadlines"])
    if "keeping" in options:
        options["keeping"] = Keeping(**{**options["keeping"], "folder": Path(options["keeping"]["folder"])})
    if "audit" in options:
        audit(options.pop("audit"))
    for name in ("hosts", "origins"):
        options[name] = tuple(options.get(name, ()))
    try:
        return running.serve(**options, announce=lambda line: print(line, flush=True))
    except GlassposeError as problem:
        print(problem, flush=True)
        return problem.exit_code


def audit(path):
    """Note every file that this process opens, and every connection and process that it begins."""
    kept = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event, arguments):
        if event in ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "urllib.Request"):
            os.write(kept, (json.dumps([event, str(arguments[0] if event == "open" else arguments)]) + "\n").encode())

    sys.addaudithook(hook)


class Parent:
    """A process that has everything imported and forks services, so that none of them costs an import of torch."""

    def __init__(self):
        package = os.environ.get("GLASSPOSE_MUTANT", str(TESTS.parent / "src"))  # a changed copy of the package: see tests/mutants.py
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, str(TESTS)]), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, cwd=TESTS
        )
        atexit.register(self.close)

    def ask(self, **order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)


parent = functools.cache(Parent)


def fork_services():
    """The parent's life: one line of JSON is one order, `start` with options or `poll` with a process id."""
    import torch

    import served_dots_for_tests  # noqa: F401
    from glasspose.explain import saliency as _one  # noqa: F401 - imported now, not in every child
    from glasspose.serving import explaining as _two  # noqa: F401
    from glasspose.serving import preloaded as _three  # noqa: F401
    from glasspose.serving import process, running

    torch.set_num_threads(1)
    codes = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                become(order, process, running)
            answer = pid
        else:
            if order["poll"] not in codes:
                found, status = os.waitpid(order["poll"], os.WNOHANG)
                if found:
                    codes[found] = os.waitstatus_to_exitcode(status)
            answer = codes.get(order["poll"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def alone(channel, told):
    """The life of a worker without the service's sockets, which a worker of the real server of processes never has."""
    for handle in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            if str(handle.readlink()).startswith("socket:") and int(handle.name) != channel.fileno():
                os.close(int(handle.name))
    from glasspose.serving.worker import _life

    _life(channel, told)


def become(order, process, running):
    sys.stdin = None
    for name, handle in (("out", 1), ("err", 2)):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), handle)
    if order["forked"]:
        from glasspose.serving import worker

        process.START, worker._life, worker.work = "fork", worker.work, alone
    code = 1
    try:
        code = main(order["start"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


class Service:
    """`port`, `pid`, and files of what it said. `forked=False`: its workers are made as those of a real one."""

    def __init__(self, folder, *, forked=True, **options):
        self.log, self.out = Path(folder) / "service.log", Path(folder) / "service.out"
        told = {"weights": "dots", "port": 0, "workers": 1, "drain_seconds": 0.5, "grace_seconds": 10, **options}
        self.pid = parent().ask(start=told, out=str(self.out), err=str(self.log), forked=forked)
        end = time.monotonic() + 120
        while "listening at" not in self.said():
            assert self.code() is None or "listening at" in self.said(), self.said() + self.log.read_text()
            assert time.monotonic() < end
            time.sleep(0.01)
        self.port = int(re.search(r"listening at \S+:(\d+)", self.said())[1])

    def said(self):
        return self.out.read_text() if self.out.exists() else ""

    def code(self):
        """Its exit code, None while it lives."""
        return parent().ask(poll=self.pid)

    def wait(self, seconds=240):
        """Until the network is loaded."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.code() is None, self.log.read_text()
            if asyncio.run(ask(self.port, "GET", "/readyz")).status == 200:
                return self
            time.sleep(0.02)
        raise TimeoutError(self.log.read_text())

    def workers(self):
        """Process ids of those that hold the network or explain."""
        rows = [row for folder in Path("/proc").glob("[0-9]*") if (row := described(folder)) is not None]
        own = {pid: args for pid, above, args in rows if above == self.pid}
        servers = {pid for pid, args in own.items() if "multiprocessing.forkserver" in args}
        trackers = {pid for pid, args in own.items() if "resource_tracker" in args}
        return sorted([*(own.keys() - servers - trackers), *(pid for pid, above, _ in rows if above in servers)])

    def memory(self):
        """Resident bytes of the process that speaks with clients."""
        return memory(self.pid)

    def handles(self):
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def end(self, seconds=60):
        """Its exit code, once it has ended."""
        until = time.monotonic() + seconds
        while (code := self.code()) is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(self.log.read_text())
            time.sleep(0.02)
        return code

    def stop(self, number=signal.SIGTERM, seconds=60):
        if self.code() is None:
            os.kill(self.pid, number)
        return self.end(seconds)


def described(folder):
    """(process id, its parent's, its command) of a folder of /proc; None for one that has ended."""
    try:
        state, above = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        return None if state == "Z" else (int(folder.name), int(above), (folder / "cmdline").read_text().replace("\0", " "))
    except OSError:
        return None


def memory(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


@contextmanager
def service(folder, **options):
    """A service that is ready."""
    made = Service(folder, **options)
    try:
        yield made.wait()
    finally:
        made.stop()


class Instant:
    """Stands for the workers in tests of everything around them; answers with the length of what it was given."""

    about = {"name": "stub", "keypoints": ["nose"], "device": "cpu"}
    ready, waiting, pids = True, 0, ()

    def __init__(self, seconds=0.0, picture=b"\xff\xd8"):
        self.seconds, self.picture, self.given = seconds, picture, []

    async def start(self, grow=None):
        pass

    async def submit(self, order, data, seconds):
        self.given.append((order, data))
        await asyncio.sleep(self.seconds)
        return {"poses": {"bytes": len(data)}, "explanation": {}}, self.picture

    async def close(self):
        pass


@asynccontextmanager
async def nearby(workers=None, **options):
    """(port, service, server) of a service in this process, whose workers are `Instant`."""
    from glasspose.serving import running
    from glasspose.serving.application import application
    from glasspose.serving.service import Service as Endpoints
    from glasspose.serving.settings import Settings

    settings = Settings(**{"port": 0, **options})
    endpoints, listening = Endpoints(settings), running._listening(settings)
    endpoints.poses = endpoints.explanations = workers or Instant()
    server = running._Server(running._config(settings, application(endpoints)), drain=lambda: None)
    server.capture_signals = nullcontext
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield listening.getsockname()[1], endpoints, server
    finally:
        server.should_exit = server.force_exit = True
        await task


@dataclass
class Reply:
    """What came back; status 0: the connection ended without an answer."""

    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json()["code"]


class Connection:
    """One kept connection."""

    def __init__(self, port):
        self.port, self._streams = port, None

    async def ask(self, method, path, body=b"", **headers):
        begun = time.perf_counter()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        writer.write(request(method, path, body, **headers))
        await writer.drain()
        reply = await answer(reader, method)
        reply.seconds = time.perf_counter() - begun
        if reply.headers.get("connection") == "close" or not reply.status:
            await self.close()
        return reply

    async def close(self):
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def request(method, path, body=b"", **headers):
    told = {"host": "127.0.0.1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body or method == "POST":
        told.setdefault("content-length", str(len(body)))
    return f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(f"{n}: {v}\r\n".encode() for n, v in told.items() if v is not None) + b"\r\n" + body


async def answer(reader, method="GET"):
    """Reply of status 0 where the connection ends before it is whole."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        status = int(first.split()[1])
        length = 0 if method == "HEAD" or status in (204, 304) else int(headers.get("content-length", 0))
        return Reply(status, headers, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return Reply()


async def ask(port, method, path, body=b"", **headers):
    """One request on a connection of its own."""
    connection = Connection(port)
    try:
        return await connection.ask(method, path, body, **headers)
    except ConnectionError:
        return Reply()
    finally:
        await connection.close()


def post(port, picture, query="", kind="image/png", **headers):
    return asyncio.run(ask(port, "POST", f"/v1/poses{query}", picture, content_type=kind, **headers))


def get(port, path, **headers):
    return asyncio.run(ask(port, "GET", path, **headers))


def form(picture, **fields):
    """(content type, body) of a multipart form."""
    parts = [b'--edge\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), v.encode()) for n, v in fields.items()]
    parts.append(b'--edge\r\ncontent-disposition: form-data; name="picture"; filename="a.png"\r\ncontent-type: image/png\r\n\r\n%s\r\n' % picture)
    return "multipart/form-data; boundary=edge", b"".join(parts) + b"--edge--\r\n"


def encoded(image, ending=".png"):
    return cv2.imencode(ending, image[..., ::-1])[1].tobytes()


def places(reply):
    """(people, keypoints, 2) of an answer."""
    return np.array([[(p["x"], p["y"]) for p in person["keypoints"].values()] for person in reply.json()["people"]])


if __name__ == "__main__":
    fork_services()
