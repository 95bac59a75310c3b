"""A real service under load: answers are never mixed up, overload is refused, memory stays.

Numbers of the tests (S1 and so on) are those of docs/reliability.md; with `-s` they tell their figures.
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections import Counter

import numpy as np
import pytest

from dots_for_tests import COLOURS
from glasspose.images import load_image
from glasspose.prediction import load
from load_for_tests import flood, marked, metric, percentile, right, watched_health, watched_loop
from serving_for_tests import ask, get, memory, places, service

NEAR, BOX = 0.01, (0, 0, 300, 200)
"""Pixels."""


def as_predicted(reply, keypoints, _):
    found = places(reply)
    return found.shape == keypoints.shape and np.abs(found - keypoints).max() <= NEAR


def s1(folder, count, pictures, judge=right, path="/v1/poses", **options):
    replies, resident = [], []
    with service(folder, queue=128, batch=16, seconds=120, **options) as made:

        async def run():
            work = asyncio.create_task(flood(made.port, count, 64, pictures, replies, judge=judge, path=path))
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
    batches = metric(sizes, "glasspose_batch_size_count")
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
    assert s1(tmp_path, 10_000, [marked(i) for i in range(1_000)]) < 5


@pytest.mark.slow
def test_s1_three_hundred_requests_and_none_mixed_up(tmp_path):
    s1(tmp_path, 300, [marked(number) for number in range(100)])


@pytest.mark.release
@pytest.mark.timeout(3600)
def test_s1_a_thousand_requests_to_the_shipped_network(tmp_path):
    """It sees nobody in these pictures and is asked all the same; each answer has to be the one that `predict` gives to its own picture."""
    pictures = [marked(i)[0] for i in range(200)]
    predictor = load("hourglass-tiny-lsp", device="cpu")
    found = [predictor.predict(load_image(data), np.array([BOX], float)).keypoints for data in pictures]
    assert min(np.abs(one - other).max() for one, other in itertools.combinations(found, 2)) > 100 * NEAR, "one could be taken for another"
    path = "/v1/poses?boxes=" + ",".join(map(str, BOX))
    told = [(data, keypoints, 1) for data, keypoints in zip(pictures, found, strict=True)]
    assert s1(tmp_path, 1_000, told, as_predicted, path, weights="hourglass-tiny-lsp") < 5


@pytest.mark.slow
def test_s2_overload_is_refused_and_health_is_told(tmp_path):
    """512 clients and a queue of 32. Whoever is taken waits for no more than 1.5 queues, and for what the machine is late: the longest that
    /healthz took, which is no work, and that the clients' own loop was held up.
    """
    pictures, replies = [marked(number) for number in range(50)], []
    with service(tmp_path, weights="slow-dots", queue=32, batch=8) as made:

        async def run():
            async with watched_loop() as late:
                await flood(made.port, 1_024, 512, pictures, replies)
            return await ask(made.port, "POST", "/v1/poses", pictures[0][0], content_type="image/png"), max(late)

        with watched_health(made.port) as health:
            after, late = asyncio.run(run())
        told = get(made.port, "/metrics").body.decode()
    service_time = metric(told, "glasspose_working_seconds_total") / metric(told, "glasspose_batch_size_sum")
    late += max(health)
    statuses = {status: sum(found == status for found, _, _ in replies) for status, _, _ in replies}
    accepted = [seconds for status, seconds, _ in replies if status == 200]
    healthy = ", ".join(f"p{round(100 * share)} {percentile(health, share):.3f} s" for share in (0.5, 0.99))
    slowest = percentile(accepted, 0.99)
    print(
        f"S2: {statuses}; accepted p99 {slowest:.2f} s, {1000 * service_time:.0f} ms a picture: 1.5 queues are {48 * service_time:.2f} s; "
        f"health {healthy}; service and clients late by {late:.2f} s"
    )
    assert set(statuses) == {200, 429}
    assert all(good for *_, good in replies)
    assert len(accepted) >= 40
    assert slowest <= 1.5 * 32 * service_time + late
    assert after.status == 200


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
