"""Slow sockets of four kinds beside good clients: they are closed at their deadline, and the good ones notice nothing (S3 of docs/reliability.md)."""

import asyncio
import contextlib
import resource
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from load_for_tests import flood, marked, metric, watched_health, watched_loop
from serving_for_tests import encoded, get, request, service

DEADLINE = 8.0
POST = request("POST", "/v1/poses", content_type="image/png", content_length="100000")
SENDING = {"idle": (b"", b""), "headers": (b"GET / HT", b"x"), "body": (POST, b"x")}
"""What is sent at once, and what is sent each second."""
ESTABLISHED = "01"
KERNEL = 64 * 1024 / (16 * 1024)
"""Seconds by which readers are closed later: what the kernel still takes for them counts as read, at the least rate."""


async def slow_sender(port, kind, closed):
    """One byte a second; it is told of the end as it happens."""
    first, more = SENDING[kind]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun = time.monotonic()
    writer.write(first)
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - begun < 60:
            try:
                if not await asyncio.wait_for(reader.read(4096), 1):
                    break
            except TimeoutError:
                writer.write(more)
    closed[kind].append(time.monotonic() - begun)
    writer.transport.abort()


async def slow_reader(port, asked, turns, stalled):
    """Takes the first bytes of a large answer, and no more. Small segments and a small window, so that the kernel holds little of it."""
    loop, connection = asyncio.get_running_loop(), socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.setblocking(False)
    async with turns:  # never more at once than the queue takes
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await loop.sock_sendall(connection, asked)
        head = await loop.sock_recv(connection, 100)
    assert head.startswith(b"HTTP/1.1 200"), head
    stalled[connection.getsockname()[1]] = (time.monotonic(), connection)


def held_by(port):
    """Ports of the clients whose connections the service has not closed."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2].split(":")[1], 16) for row in rows if row[1] == f"0100007F:{port:04X}" and row[3] == ESTABLISHED}


async def until_let_go(port, stalled, closed):
    """Notes when the service lets slow readers go, who cannot see it themselves: what the kernel holds for them comes first."""
    while stalled:
        held, now = await asyncio.to_thread(held_by, port), time.monotonic()
        for own in stalled.keys() - held:
            begun, connection = stalled.pop(own)
            closed["readers"].append(now - begun)
            connection.close()
        assert all(now - begun < 60 for begun, _ in stalled.values()), f"{len(stalled)} are still there"
        await asyncio.sleep(0.1)


def s3(folder, each):
    """`each` of all four kinds beside 50 good clients, who begin a second after the slow ones."""
    noise = encoded(np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8))
    asked = request("POST", "/v1/poses?overlay=png", noise, content_type="image/png")
    replies, closed, stalled = [], {kind: [] for kind in (*SENDING, "readers")}, {}
    pictures = [marked(i) for i in range(20)]

    async def readers(port):
        turns = asyncio.Semaphore(32)
        watching = asyncio.create_task(asyncio.sleep(0))
        for task in asyncio.as_completed([slow_reader(port, asked, turns, stalled) for _ in range(each)]):
            await task
            if watching.done():
                watching = asyncio.create_task(until_let_go(port, stalled, closed))
        await watching
        await until_let_go(port, stalled, closed)

    async def run(port):
        async with watched_loop() as late:
            bad = [asyncio.create_task(slow_sender(port, kind, closed)) for kind in SENDING for _ in range(each)]
            bad.append(asyncio.create_task(readers(port)))
            await asyncio.sleep(1)
            await flood(port, 150, 50, pictures, replies)
            await asyncio.gather(*bad)
        return max(late)

    with service(folder, queue=128, seconds=120, deadlines={"head": DEADLINE, "connections": 4 * each + 100}) as made:
        with watched_health(made.port) as health:
            late = asyncio.run(run(made.port))
        left = metric(get(made.port, "/metrics").body.decode(), "glasspose_connections")
    late += max(health)
    told = ", ".join(f"{kind} {max(times):.1f} s" for kind, times in closed.items())
    print(f"S3: {each} of each kind; closed after at most {told}; service and clients late by {late:.2f} s; {len(replies)} good requests")
    assert {kind: len(times) for kind, times in closed.items()} == dict.fromkeys(closed, each)
    assert [status for status, *_ in replies] == [200] * 150
    assert all(good for *_, good in replies)
    in_time = max(10, DEADLINE + late)
    assert {kind for kind, times in closed.items() if max(times) > in_time + (KERNEL if kind == "readers" else 0)} == set()
    assert left <= 2


def handles_for(each):
    """Of the service, and as many of the clients."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit < 4 * each + 300:
        pytest.skip(f"S3 NOT RUN: {4 * each + 300} open files are needed, and {limit} are allowed here: ulimit -n")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_s3_slow_sockets_are_closed_while_good_clients_are_served(tmp_path):
    handles_for(500)
    s3(tmp_path, 500)


@pytest.mark.slow
def test_s3_with_few_slow_sockets(tmp_path):
    handles_for(20)
    s3(tmp_path, 20)
