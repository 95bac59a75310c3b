"""A real service under load: answers are never mixed up, overload is refused, slow clients cost the good ones nothing, memory stays.

Numbers of the tests (S1 and so on) are those of docs/reliability.md; with `-s` they tell their figures.
"""

import asyncio
import contextlib
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter

import cv2
import numpy as np
import pytest

from dots_for_tests import COLOURS, FIGURE, GREY, dot_picture
from serving_for_tests import Connection, ask, encoded, get, memory, places, request, service


def marked(number):
    """A picture like no other, and where its dots are: the number says where they stand and how large the file is."""
    chance = random.Random(number)
    figure = FIGURE + np.array([chance.uniform(-40, 150), chance.uniform(-15, 35)])
    picture = dot_picture(figure, (200, 300))
    if number % 3:  # noise below the network's notice makes files larger
        noise = np.random.default_rng(number).integers(-6, 7, picture.shape)
        grey = (picture == GREY).all(2, keepdims=True)
        picture = np.where(grey, np.clip(picture + noise, 0, 255), picture).astype(np.uint8)
    size = (1.0, 1.5, 2.0)[number % 3]
    picture = cv2.resize(picture, None, fx=size, fy=size, interpolation=cv2.INTER_LINEAR)
    return encoded(picture, ".jpg" if number % 2 else ".png"), (figure + 0.5) * size - 0.5, size


def right(reply, figure, size):
    found = places(reply)
    return len(found) == 1 and np.abs(found[0] - figure).max() < 1.5 * size


async def flood(port, count, lanes, pictures, replies, pause=0.0):
    """`count` requests over so many kept connections, so many seconds after one another; each reply with the number of its picture."""
    numbers = iter(range(count))

    async def lane():
        connection = Connection(port)
        for number in numbers:
            data, figure, size = pictures[number % len(pictures)]
            try:
                reply = await connection.ask("POST", "/v1/poses", data, content_type="image/jpeg" if data[:2] == b"\xff\xd8" else "image/png")
            except ConnectionError:
                await connection.close()
                replies.append((0, 0.0, False))
                continue
            good = reply.status == 200 and right(reply, figure, size)
            replies.append((reply.status, reply.seconds, good or reply.status != 200))
            await asyncio.sleep(pause)
        await connection.close()

    await asyncio.gather(*(lane() for _ in range(lanes)))


HEALTH = """
import http.client, json, sys, threading, time
ended, seconds = threading.Event(), []
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
while not ended.wait(0.05):
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=30)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
    seconds.append(time.monotonic() - begun)
print(json.dumps(seconds))
"""


@contextlib.contextmanager
def watched_health(port):
    """How many seconds /healthz takes, from a process that has nothing else to do; filled in at the end."""
    seconds = []
    watcher = subprocess.Popen([sys.executable, "-c", HEALTH, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield seconds
    finally:
        told, _ = watcher.communicate(timeout=60)
    assert watcher.returncode == 0
    seconds += json.loads(told)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def s1(folder, count, distinct):
    pictures = [marked(number) for number in range(distinct)]
    replies, resident = [], []
    with service(folder, queue=128, batch=16, seconds=120) as made:

        async def run():
            work = asyncio.create_task(flood(made.port, count, 64, pictures, replies))
            while not work.done():
                await asyncio.sleep(0.2)
                resident.append((len(replies), made.memory() + sum(memory(pid) for pid in made.workers())))
            await work

        begun = time.monotonic()
        asyncio.run(run())
        took = time.monotonic() - begun
        sizes = get(made.port, "/metrics").body.decode()
    later = [size for done, size in resident if done > count / 2]
    grown = (later[-1] - later[0]) / 2**20
    statuses = {status: sum(found == status for found, _, _ in replies) for status, _, _ in replies}
    batches = float(next(line.split()[1] for line in sizes.splitlines() if line.startswith("glasspose_batch_size_count")))
    print(
        f"S1: {count} requests ({len({p[0] for p in pictures})} different pictures of {min(len(p[0]) for p in pictures) // 1000} to "
        f"{max(len(p[0]) for p in pictures) // 1000} kB) at 64 at once: {statuses}, {sum(not good for *_, good in replies)} mixed up; "
        f"{took:.0f} s, p50 {percentile([s for _, s, _ in replies], 0.5):.2f} s, p99 {percentile([s for _, s, _ in replies], 0.99):.2f} s, "
        f"{count / batches:.1f} pictures a batch; memory grew by {grown:.1f} MiB over the second half to {later[-1] / 2**20:.0f} MiB"
    )
    assert statuses == {200: count}
    assert all(good for *_, good in replies)
    return grown


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_s1_ten_thousand_requests_and_none_mixed_up(tmp_path):
    assert s1(tmp_path, 10_000, 1_000) < 5


@pytest.mark.slow
def test_s1_three_hundred_requests_and_none_mixed_up(tmp_path):
    s1(tmp_path, 300, 100)


@pytest.mark.slow
def test_s2_overload_is_refused_and_health_is_told(tmp_path):
    """512 clients and a queue of 32."""
    pictures, replies = [marked(number) for number in range(50)], []
    with service(tmp_path, weights="slow-dots", queue=32, batch=8) as made:

        async def run():
            await flood(made.port, 1_024, 512, pictures, replies)
            return await ask(made.port, "POST", "/v1/poses", pictures[0][0], content_type="image/png")

        with watched_health(made.port) as health:
            after = asyncio.run(run())
    statuses = {status: sum(found == status for found, _, _ in replies) for status, _, _ in replies}
    accepted = [seconds for status, seconds, _ in replies if status == 200]
    healthy = ", ".join(f"p{round(100 * share)} {percentile(health, share):.3f} s" for share in (0.5, 0.99))
    print(f"S2: {statuses}; accepted p99 {percentile(accepted, 0.99):.2f} s; health {healthy}")
    assert set(statuses) == {200, 429}
    assert all(good for *_, good in replies)
    assert len(accepted) >= 40
    assert after.status == 200


@pytest.mark.slow
def test_s3_slow_sockets_are_closed_while_good_clients_are_served(tmp_path):
    """Sockets of three kinds, as many of each as handles allow, up to 500; 50 good clients. Slow readers are in test_deadlines.py."""
    each = min(500, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 3)
    post = request("POST", "/v1/poses", content_type="image/png", content_length="100000")
    kinds = {"idle": (b"", b""), "headers": (b"GET / HT", b"x"), "body": (post, b"x")}
    replies, closed, pictures = [], {kind: [] for kind in kinds}, [marked(number) for number in range(20)]

    async def slow_until_closed(port, kind):
        first, more = kinds[kind]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = time.monotonic()
        writer.write(first)
        while not writer.transport.is_closing() and time.monotonic() - begun < 40:
            await asyncio.sleep(1)
            with contextlib.suppress(ConnectionError):
                writer.write(more)
            if reader.at_eof() or reader.exception():
                break
        closed[kind].append(time.monotonic() - begun)
        writer.transport.abort()

    with service(tmp_path, queue=128, seconds=120) as made:

        async def run():
            bad = [asyncio.create_task(slow_until_closed(made.port, kind)) for kind in kinds for _ in range(each)]
            await asyncio.sleep(1)
            await flood(made.port, 150, 50, pictures, replies)
            await asyncio.gather(*bad)

        asyncio.run(run())
        left = float(
            next(line.split()[1] for line in get(made.port, "/metrics").body.decode().splitlines() if line.startswith("glasspose_connections "))
        )
    print(f"S3: {each} of each kind; closed after at most " + ", ".join(f"{kind} {max(times):.1f} s" for kind, times in closed.items() if times))
    assert [status for status, *_ in replies] == [200] * 150
    assert all(good for *_, good in replies)
    assert max(map(max, (times for times in closed.values() if times))) <= 15  # 8 s, and what this machine is late
    assert left <= 2


@pytest.mark.release
@pytest.mark.timeout(8000)
def test_s12_two_hours_of_mixed_traffic(tmp_path):
    """Eight good clients who think for a second between pictures, thirty bad and slow ones."""
    pictures, resident, statuses, answered = [marked(number) for number in range(500)], [], [], 0
    with service(tmp_path, keeping={"folder": str(tmp_path / "kept"), "bytes": 10**7}) as made:
        until = time.monotonic() + 7200

        async def bad(seed):
            chance = random.Random(seed)
            while time.monotonic() < until:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", made.port)
                    writer.write(chance.choice([b"", b"GET /", b"POST /v1/poses HTTP/1.1\r\ncontent-length: 99\r\n\r\n", b"\x00\xff junk\r\n\r\n"]))
                    await asyncio.sleep(chance.uniform(0, 20))
                    writer.transport.abort()
                statuses.append((await ask(made.port, "POST", "/v1/poses", chance.randbytes(2000), content_type="image/png")).status)

        async def watch():
            while time.monotonic() < until:
                await asyncio.sleep(10)
                resident.append((made.memory() + sum(map(memory, made.workers())), made.handles()))

        async def good():
            nonlocal answered
            while time.monotonic() < until:
                replies = []
                await flood(made.port, 200, 8, pictures, replies, pause=1.0)
                assert all(status == 200 and fits for status, _, fits in replies)
                answered += len(replies)

        async def run():
            await asyncio.gather(good(), watch(), *(bad(seed) for seed in range(30)))

        asyncio.run(run())
    half = len(resident) // 2
    slope = (np.mean([size for size, _ in resident[-20:]]) - np.mean([size for size, _ in resident[half : half + 20]])) / 2**20
    print(f"S12: {answered} pictures answered rightly, {len(statuses)} bad ones refused ({dict(Counter(statuses))})")
    print(f"S12: memory {resident[-1][0] / 2**20:.0f} MiB, {slope:.1f} more than an hour before; handles {resident[half][1]} and {resident[-1][1]}")
    assert set(statuses) <= {422, 429, 503}
    assert slope < 10
    assert abs(resident[-1][1] - resident[half][1]) < 60


def test_markers_are_different_and_found():
    """Of the test's own making: neighbours in number cannot be taken for one another."""
    assert len({marked(number)[0] for number in range(60)}) == 60
    figures = np.array([marked(number)[1] for number in range(0, 60, 3)])
    apart = np.abs(figures[:, None] - figures[None]).max((2, 3)) + 100 * np.eye(len(figures))
    assert apart.min() > 0.2
    assert len(COLOURS) == 6
