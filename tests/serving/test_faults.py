"""A real service under hostile input, killed workers and signals. Numbers of the tests (S4 and so on) are those of docs/reliability.md."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from dots_for_tests import FIGURE, dot_picture, moved
from glasspose.serving import running
from glasspose.serving.settings import Settings
from mutated_images_for_tests import mutant
from serving_for_tests import LEAK, TESTS, Connection, Service, ask, encoded, form, get, places, post, request, service
from test_images import seeds

GOOD = encoded(dot_picture(FIGURE))


def checked(reply, statuses=range(400, 500)):
    assert reply.status in statuses, (reply.status, reply.body[:300])
    told = reply.json()
    assert set(told) == {"format", "version", "code", "message"}
    assert not LEAK.search(reply.body.decode()), told


async def fed(port, first, parts, until=5.0):
    """(reply, seconds, bytes that were taken) of a request whose body goes on and on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun, taken = time.monotonic(), 0
    writer.write(first)

    async def feed():
        nonlocal taken
        for part in parts:
            writer.write(part)
            await writer.drain()
            taken += len(part)

    feeding = asyncio.create_task(feed())
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), until)
    except ConnectionError:  # it was closed while this side went on sending
        head = b"HTTP/1.1 0"
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        writer.transport.abort()
        await asyncio.sleep(0)
    return int(head.split()[1]), time.monotonic() - begun, taken


def endless(chunk):
    while True:
        yield chunk


def test_s4_what_is_too_large_costs_nothing(dots):
    before = dots.memory()
    mebibyte = bytes(2**20)
    chunk = b"%x\r\n%s\r\n" % (len(mebibyte), mebibyte)
    told = {"content_type": "image/png", "content_length": None, "transfer_encoding": "chunked"}
    cases = [
        (request("POST", "/v1/poses", content_type="image/png", content_length=str(10**10)), endless(mebibyte), 413),
        (request("POST", "/v1/poses", **told), endless(chunk), 413),
        (request("POST", "/v1/poses", content_type="image/png", content_length="-1"), [], 400),
        (request("POST", "/v1/poses", content_type="image/png", content_length="4", transfer_encoding="chunked"), [b"0\r\n\r\n"], 400),
        (request("POST", "/v1/poses", content_type="image/png", content_encoding="gzip", content_length="9"), [bytes(9)], 415),
        (b"GET / HTTP/1.1\r\n", (b"x-%d: %s\r\n" % (i, b"y" * 50) for i in range(100_000)), 0),
    ]
    for first, parts, status in cases:
        found, seconds, _ = asyncio.run(fed(dots.port, first, parts))
        assert found in (status, 400) if status == 0 else found == status
        assert seconds < 3
    kind, one = form(GOOD)
    checked(post(dots.port, one.replace(b"--edge--", b"--edge\r\n\r\n\r\n" * 100_000), kind=kind))
    assert dots.memory() - before < 32 * 2**20
    assert post(dots.port, GOOD).status == 200


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow), pytest.param(5000, marks=pytest.mark.nightly)])
def test_s5_malformed_pictures(dots, count):
    files = list(seeds().values())
    statuses = []

    async def one(connection, number):
        reply = await connection.ask("POST", "/v1/poses", mutant(number, files), content_type="image/png")
        statuses.append(reply.status)
        if reply.status != 200:
            checked(reply, [422])

    async def lane(numbers):
        connection = Connection(dots.port)
        for number in numbers:
            await one(connection, number)
        await connection.close()

    async def run():
        await asyncio.gather(*(lane(range(i, count, 8)) for i in range(8)))

    workers = dots.workers()
    asyncio.run(run())
    assert len(statuses) == count
    assert statuses.count(422) > count / 2
    assert dots.workers() == workers, "no worker has died"


def hostile_places():
    names = ["/etc/passwd", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..\\..\\windows\\win.ini", "a%00.jpg"]
    names += ["file:///etc/passwd", "http://127.0.0.1:9/a.jpg", "http://169.254.169.254/latest/meta-data/", "//evil.example/a", "\\\\evil\\share"]
    names += [
        "%c0%ae%c0%ae/etc/passwd",
        "....//....//etc/passwd",
        "/proc/self/environ",
        "~root/.ssh/id_rsa",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1",
    ]
    return names


PAGE = TESTS.parent / "src/glasspose/serving/page"


def strange(event, places):
    """Whether it is no reading of a file in one of these places, wherever its links and dots may lead, nor the import of a module."""
    what, name = event
    if what != "open":
        return True
    real = Path(os.path.realpath(name))
    if real.suffix in (".py", ".pyc", ".so") and any(real.is_relative_to(os.path.realpath(place)) for place in (sys.prefix, sys.base_prefix)):
        return False  # imported when the first picture of a kind comes
    return not any(real.is_relative_to(os.path.realpath(place)) for place in places)


def test_a_way_out_of_an_allowed_folder_is_strange(tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    inside = [str(PAGE / "index.html"), str(tmp_path / "a.json")]
    assert not any(strange(("open", name), (PAGE, tmp_path)) for name in inside)
    outside = [f"{PAGE}/../../../etc/passwd", f"{PAGE}-beside/a", "/etc/passwd" + str(PAGE), f"{tmp_path}/link", "/proc/self/environ", "/proc/1/maps"]
    outside += [f"{sys.prefix}/../../../../../../etc/passwd", f"{sys.prefix}/pyvenv.cfg", "relative"]
    assert all(strange(("open", name), (PAGE, tmp_path)) for name in outside)
    assert strange(("socket.connect", str(PAGE / "index.html")), (PAGE, tmp_path))


@pytest.mark.slow
def test_s6_no_name_in_a_request_opens_a_file_or_a_connection(tmp_path):
    """The service runs under a hook that notes every file that is opened and every connection that is made."""
    log = tmp_path / "audit.log"
    with service(tmp_path, weights="dots", audit=str(log), keeping={"folder": str(tmp_path / "kept")}) as made:
        post(made.port, GOOD)
        begun = log.read_text().count("\n")
        count = 0
        for name in hostile_places():
            plain = name.replace(" ", "%20")
            kind, body = form(GOOD)
            sneaky = body.replace(b"a.png", name.encode())
            for reply in (
                get(made.port, "/" + plain.lstrip("/")),
                get(made.port, f"/page/{plain}"),
                asyncio.run(ask(made.port, "DELETE", f"/v1/kept/{plain}")),
                post(made.port, GOOD, f"?url={plain}"),
                post(made.port, GOOD, f"?boxes={plain}"),
                post(made.port, GOOD, f"?overlay={plain}"),
                post(made.port, name.encode(), kind="image/svg+xml"),
                post(made.port, json.dumps({"url": name}).encode(), kind="application/json"),
                get(made.port, "/healthz", host=name),
                get(made.port, "/healthz", referer=name, x_forwarded_for=name, x_original_url=name),
                post(made.port, sneaky, kind=kind),
                asyncio.run(ask(made.port, "GET", f"http://127.0.0.1/{plain}")),
            ):
                count += 1
                assert reply.status in (200, 400, 404, 405, 415, 421, 422), reply
                assert b"root:" not in reply.body
        seen = [json.loads(line) for line in log.read_text().splitlines()[begun:]]
    assert count > 200
    package = os.environ.get("GLASSPOSE_MUTANT")
    places = (tmp_path / "kept", Path(package, "glasspose/serving/page") if package else PAGE)
    found = [event for event in seen if strange(event, places)]
    print(f"S6: {count} requests; files were opened {len(seen)} times, {len(found)} of them not where they belong")
    assert not found, found[:5]


def waited(pid):
    """Seconds that a process was ready to run and had no core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def s7(dots, count):
    """The worker is killed once 20 of `count` requests are answered; then as many again. Back within 5 s, without the time that the service
    or the new worker, whichever waits longer, waits for a core.
    """
    replies, again = [], []

    async def lanes(into):
        async def lane(i):
            connection = Connection(dots.port)
            for k in range(count // 8):
                picture = encoded(dot_picture(moved(8 * i, k % 10)))
                into.append((moved(8 * i, k % 10), await connection.ask("POST", "/v1/poses", picture, content_type="image/png")))
            await connection.close()

        await asyncio.gather(*(lane(i) for i in range(8)))

    async def run():
        working = asyncio.create_task(lanes(replies))
        while len(replies) < 20:
            await asyncio.sleep(0.01)
        old = dots.workers()
        assert len(old) == 1, old
        before = waited(dots.pid)
        os.kill(old[0], signal.SIGKILL)
        begun = time.monotonic()
        while dots.workers() in ([], old) or (await ask(dots.port, "GET", "/readyz")).status != 200:
            await asyncio.sleep(0.05)
        back = time.monotonic() - begun
        late = max(waited(dots.pid) - before, *map(waited, dots.workers()))
        await working
        await lanes(again)
        return back, late

    back, late = asyncio.run(run())
    lost = sum(reply.status == 503 for _, reply in replies)
    print(f"S7: back after {back:.2f} s, {late:.2f} s of it without a core; {lost} of {len(replies)} answered with 503; the next {len(again)} fine")
    assert (len(replies), len(again)) == (count, count)
    assert lost <= 16
    assert {reply.status for _, reply in replies} <= {200, 503}
    assert {reply.status for _, reply in again} == {200}
    assert all(abs(places(reply)[0] - figure).max() < 0.5 for figure, reply in replies + again if reply.status == 200)
    assert back - late <= 5


def test_s7_a_killed_worker_is_back_and_nobody_else_is_lost(dots):
    s7(dots, 80)


@pytest.mark.slow
def test_s7_the_next_thousand_requests_are_fine(dots):
    s7(dots, 1000)


def test_s9_counters_are_what_clients_have_seen_and_paths_make_no_series(tmp_path):
    with service(tmp_path) as made:
        before = counts(made.port)
        seen = {}
        for i in range(30):
            for reply in (
                post(made.port, GOOD if i % 3 else b"junk"),
                get(made.port, f"/random/{i}/{os.urandom(4).hex()}"),
                get(made.port, "/healthz"),
            ):
                seen[reply.status] = seen.get(reply.status, 0) + 1
        after = counts(made.port)
        text = get(made.port, "/metrics").body.decode()
    poses = {status: after.get(("poses", status), 0) - before.get(("poses", status), 0) for status in ("200", "422")}
    assert poses == {"200": 20, "422": 10}
    assert after["page", "404"] - before.get(("page", "404"), 0) == 30 == seen[404]
    assert len([line for line in text.splitlines() if line and not line.startswith("#")]) < 100
    assert "random" not in text


def counts(port):
    found = re.findall(r'^glasspose_requests_total\{route="(\w+)",status="(\w+)"\} ([\d.]+)', get(port, "/metrics").body.decode(), re.MULTILINE)
    return {(route, status): float(value) for route, status, value in found}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_s8_a_signal_under_load_loses_no_request(tmp_path, number):
    made = Service(tmp_path, weights="slow-dots", drain_seconds=1.0).wait()
    replies, stop = [], asyncio.Event()

    async def lane(i):
        while not stop.is_set():
            replies.append(await ask(made.port, "POST", "/v1/poses", encoded(dot_picture(moved(i))), content_type="image/png"))

    async def run():
        lanes = [asyncio.create_task(lane(i)) for i in range(6)]
        await asyncio.sleep(1.0)
        os.kill(made.pid, number)
        begun = time.monotonic()
        while (await ask(made.port, "GET", "/readyz")).status != 503:
            assert time.monotonic() - begun < 0.5
        live = await ask(made.port, "GET", "/livez")
        stop.set()  # a load balancer sends nothing more
        await asyncio.gather(*lanes)
        return live

    live = asyncio.run(run())
    assert live.status == 200
    assert len(replies) >= 6
    assert {reply.status for reply in replies} == {200}
    assert replies[-1].headers["connection"] == "close"
    assert made.end(15) == 128 + number
    assert not made.workers()


def test_s8_a_signal_while_the_network_is_loaded(tmp_path):
    made = Service(tmp_path, weights="late-dots")
    assert get(made.port, "/readyz").status == 503
    assert get(made.port, "/livez").status == 200
    reply = post(made.port, GOOD)
    assert (reply.status, reply.code) == (503, "not-ready")
    begun = time.monotonic()
    assert made.stop(seconds=20) == 143
    assert time.monotonic() - begun < 15


def test_whoever_is_told_that_the_service_listens_may_connect():
    listening = running._listening(Settings(port=0))
    with listening, socket.create_connection(listening.getsockname(), timeout=5):
        pass


def test_weights_that_are_none_end_the_service_in_one_line(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"none")
    made = Service(tmp_path, weights=str(tmp_path / "bad.safetensors"))
    assert made.end() == 5
    assert len(made.said().splitlines()) == 2
    assert "bad.json is not there" in made.said()


def test_s13_another_address_is_not_listened_at(dots):
    with pytest.raises(OSError):
        post_to("127.0.0.2", dots.port)
    assert get(dots.port, "/docs").status == 404


def post_to(host, port):
    async def connect():
        _, writer = await asyncio.open_connection(host, port)
        writer.close()

    asyncio.run(connect())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_explanations_are_answered_and_do_not_starve_poses(tmp_path, nano_weights):
    import base64

    import cv2
    import jsonschema
    import numpy as np

    from glasspose.prediction import load

    predictor = load(nano_weights, device="cpu", flip_test=False)
    peaks = predictor.heatmaps(dot_picture(FIGURE))[0][-1].max((1, 2))
    why = f"/v1/explain?keypoint={predictor.skeleton.keypoints[int(peaks.argmax())]}"
    with service(tmp_path, weights=str(nano_weights), seconds=120, explain_seconds=280) as made:
        document = get(made.port, "/openapi.json").json()

        async def run():
            asked = [asyncio.create_task(ask(made.port, "POST", why, GOOD, content_type="image/png")) for _ in range(4)]
            await asyncio.sleep(0.1)
            quick = [await ask(made.port, "POST", "/v1/poses", GOOD, content_type="image/png") for _ in range(5)]
            return await asyncio.gather(*asked), quick

        answers, quick = asyncio.run(run())
        picture = asyncio.run(ask(made.port, "POST", why + "&method=smooth_grad&overlay=1", GOOD, content_type="image/png"))
        refused = asyncio.run(ask(made.port, "POST", why, b"junk", content_type="image/png"))
    assert {reply.status for reply in quick} == {200}
    assert {reply.status for reply in answers} <= {200, 429}
    good = [reply.json() for reply in answers if reply.status == 200]
    assert good
    assert any(reply.status == 429 for reply in answers), "its queue is short"
    jsonschema.validate(good[0], {"$ref": "#/components/schemas/Explanation", "components": document["components"]})
    assert good[0]["method"] == "occlusion"
    assert good[0]["verdict"] == "NOT FAITHFUL"
    assert cv2.imdecode(np.frombuffer(base64.b64decode(good[0]["overlay"]), np.uint8), 1).shape[0] >= 64
    assert picture.body[:4] == b"\x89PNG"
    checked(refused, [422])
