"""The built page, a service or a plain host that shows it, and a real browser that reaches nothing but this machine.

As a program: `python page_for_tests.py FOLDER JSON` serves shipped weights with the page of that folder.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
PAGE = ROOT / "src" / "glasspose" / "serving" / "page"
WEIGHTS = "hourglass-tiny-lsp"


def node():
    """The path of node, or a skip that says so."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no node here: the page's modules are not tested")
    return found


def packages():
    """A skip where the npm packages are not there."""
    if not (WEB / "node_modules" / "onnxruntime-web" / "package.json").exists():
        pytest.skip("no web/node_modules here: the page is not built; `make page` fetches them")
    return node()


def built(folder):
    """The static page with network and runtime, as `make page` builds it."""
    command = packages()
    device = Path(folder) / "device"
    device.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    told = [sys.executable, "-m", "glasspose", "export", WEIGHTS, "--to", "onnx", "--flip-test", "--out", str(device / "pose.onnx")]
    for step in (told, [sys.executable, str(WEB / "check.py"), WEIGHTS, str(device)], [command, str(WEB / "build.mjs"), str(folder), "--device"]):
        subprocess.run(step, check=True, env=environment, capture_output=True, text=True, timeout=280)
    return Path(folder)


@contextmanager
def served(folder, log, **options):
    """(address, process) of `glasspose serve` with the page of this folder; ready."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    with Path(log).open("wb") as said:
        command = [sys.executable, __file__, str(folder), json.dumps(options)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True)
    try:
        address = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        end = time.monotonic() + 120
        while not ready(address):
            assert process.poll() is None, Path(log).read_text()
            assert time.monotonic() < end, Path(log).read_text()
            time.sleep(0.1)
        yield address, process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ready(address):
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def hosted(folder):
    """The address of a plain host of static files, which sends no headers of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def driving():
    """What drives browsers; one at a time in a process."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright here: the page is not opened in a browser")
    with api.sync_playwright() as driver:
        yield driver


@contextmanager
def browser(driver, *flags):
    """Chromium without a window; names lead nowhere."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium here: the page is not opened in a browser")
    quiet = ["--no-sandbox", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    started = driver.chromium.launch(executable_path=found, args=[*quiet, *flags])
    try:
        yield started
    finally:
        started.close()


@contextmanager
def opened(started, address, *, ready=True, before=None, **options):
    """A tab with the page. Fails on any request to elsewhere and on any mistake of the page's program."""
    context = started.new_context(**{"service_workers": "allow", **options})
    context.set_default_timeout(120_000)
    if before:
        before(context)
    asked, wrong = [], []
    context.on("request", lambda request: asked.append(request.url))
    tab = context.new_page()
    tab.on("pageerror", lambda problem: wrong.append(str(problem)))
    tab.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    try:
        tab.goto(address)
        if ready:
            tab.wait_for_selector("body[data-ready]")
        yield tab
        assert wrong == []
        assert asked
        home = address.split("/", 3)
        assert [url for url in asked if not url.startswith(("blob:", "data:", "/".join(home[:3]) + "/"))] == []
    finally:
        context.close()


def answered(tab, path):
    """What the page finds in a picture file: the JSON that it gives to be saved."""
    tab.evaluate("document.getElementById('summary').textContent = ''")
    tab.set_input_files("#file", str(path))
    until(tab, "/seen|Nobody/.test(document.getElementById('summary').textContent)")
    return saved(tab)


def until(tab, condition, seconds=90):
    """Wait until an expression is true. The page allows no evaluation, and so not the driver's own way to wait."""
    end = time.monotonic() + seconds
    while not tab.evaluate(condition):
        assert time.monotonic() < end, f"{condition}: {tab.inner_text('body')}"
        time.sleep(0.05)


def saved(tab):
    with tab.expect_download() as download:
        tab.click("#save-json")
    return json.loads(Path(download.value.path()).read_text())


def main(folder, options):
    from glasspose.serving import application, pages, running

    known = pages.files(Path(folder))
    application.files = lambda: known
    return running.serve(WEIGHTS, announce=lambda line: print(line, flush=True), port=0, workers=1, drain_seconds=0.1, **options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2])))
