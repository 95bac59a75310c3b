"""Slow clients of every kind are closed at their deadline, however busily they trickle, and nobody else is."""

import asyncio
import socket
import time
from dataclasses import replace

import pytest

from glasspose.serving.settings import Deadlines
from serving_for_tests import Connection, Instant, answer, ask, nearby, request

QUICK = Deadlines(head=0.5, body=0.5, write=0.5, linger=0.3, rate=20_000, longest=2.0)
POST = request("POST", "/v1/poses", b"", content_type="image/png", content_length="4000")


async def ends(reader, within=5.0):
    """Seconds until the other side closes, and what it said before."""
    begun, said = time.monotonic(), b""
    try:
        while part := await asyncio.wait_for(reader.read(65_536), within):
            said += part
    except ConnectionError:
        pass
    return time.monotonic() - begun, said


async def trickle(writer, data, every=0.05):
    try:
        for i in range(len(data)):
            writer.write(data[i : i + 1])
            await writer.drain()
            await asyncio.sleep(every)
    except ConnectionError:
        pass


@pytest.mark.parametrize(
    ("first", "rest", "says"),
    [
        (b"", b"", b""),
        (b"", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 200, b"408"),
        (b"GET / HTTP/1.1\r\n", b"", b"408"),
        (POST, b"", b"408"),
        (POST, bytes(200), b"408"),
        (request("GET", "/livez"), b"", b"200"),
        (request("GET", "/livez"), b"GET /livez HTTP/1.1\r\nx: " + b"a" * 200, b"408"),
    ],
    ids=["idle", "headers trickle", "headers stop", "body never comes", "body trickles", "idle after an answer", "next headers trickle"],
)
def test_a_slow_client_is_closed(first, rest, says):
    async def run():
        async with nearby(deadlines=QUICK) as (port, _, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(first)
            writing = asyncio.create_task(trickle(writer, rest))
            seconds, said = await ends(reader)
            writing.cancel()
            writer.close()
            return seconds, said

    seconds, said = asyncio.run(run())
    assert 0.3 < seconds < 2.5
    assert says in said
    assert says or not said


def test_a_slow_reader_is_closed():
    async def run():
        async with nearby(Instant(picture=b"\xff\xd8" + bytes(8_000_000)), deadlines=QUICK) as (port, _, server):
            raw = socket.create_connection(("127.0.0.1", port))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.sendall(request("POST", "/v1/poses?overlay=1", b"x", content_type="image/png"))
            await asyncio.sleep(0.2)
            assert server.server_state.connections
            begun = time.monotonic()
            while server.server_state.connections and time.monotonic() - begun < 20:
                await asyncio.sleep(0.05)
            raw.close()
            return time.monotonic() - begun

    # 8 MB at the least rate would be 400 s, but the client has taken nothing
    assert asyncio.run(run()) < 3


class AsLong(Instant):
    """Answers are as long as the client says."""

    async def submit(self, order, data, seconds):
        return {"poses": {}}, b"\xff\xd8" + bytes(int(data))


def stalled(port, size):
    """A client that takes no answer, and for whom the kernel holds little of it."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    raw.connect(("127.0.0.1", port))
    raw.sendall(request("POST", "/v1/poses?overlay=1", b"%d" % size, content_type="image/png"))
    return raw


def test_a_reader_of_an_answer_of_any_length_is_closed():
    """Of some lengths so little is left over that writing was never paused."""

    async def run():
        async with nearby(AsLong(), deadlines=replace(QUICK, rate=10**6)) as (port, _, server):
            clients = [stalled(port, size) for size in range(10_000, 250_000, 4_000)]
            await asyncio.sleep(0.3)
            left = [connection.transport.get_write_buffer_size() for connection in server.server_state.connections]
            begun = time.monotonic()
            while server.server_state.connections and time.monotonic() - begun < 5:
                await asyncio.sleep(0.05)
            held = len(server.server_state.connections)
            for client in clients:
                client.close()
            return left, held

    left, held = asyncio.run(run())
    assert any(0 < size < 2**16 for size in left)
    assert not held


def test_a_client_that_has_read_what_was_left_may_wait_long_for_its_next_answer():
    class ThenSlow(AsLong):
        async def submit(self, order, data, seconds):
            await asyncio.sleep(1.5 if len(self.given) else 0)
            self.given.append(data)
            return await super().submit(order, data, seconds)

    async def run():
        async with nearby(ThenSlow(), deadlines=QUICK) as (port, _, _):
            raw = await asyncio.to_thread(stalled, port, 111_000)
            raw.setblocking(True)
            reader, writer = await asyncio.open_connection(sock=raw)
            replies = [await answer(reader)]
            writer.write(request("POST", "/v1/poses?overlay=1", b"10", content_type="image/png"))
            replies.append(await answer(reader))
            writer.close()
            return replies

    assert [reply.status for reply in asyncio.run(run())] == [200, 200]


def test_a_client_that_keeps_the_rate_is_served_beyond_the_first_deadline():
    async def run():
        async with nearby(deadlines=QUICK) as (port, _, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("POST", "/v1/poses", b"", content_type="image/png", content_length="40000"))
            for _ in range(20):
                writer.write(bytes(2000))
                await asyncio.sleep(0.05)
            reply = await answer(reader)
            writer.close()
            return reply

    assert asyncio.run(run()).status == 200


def test_a_body_that_was_refused_is_not_read_for_long():
    async def run():
        async with nearby(deadlines=QUICK, max_bytes=100) as (port, _, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("POST", "/v1/poses", b"", content_type="image/png", content_length=str(10**10)))
            reply = await answer(reader)
            writing = asyncio.create_task(trickle(writer, bytes(1000)))
            seconds, _ = await ends(reader)
            writing.cancel()
            writer.close()
            return reply, seconds

    reply, seconds = asyncio.run(run())
    assert reply.status == 413
    assert seconds < 2


def test_work_that_takes_longer_than_every_deadline_is_answered():
    async def run():
        async with nearby(Instant(1.2), deadlines=QUICK) as (port, _, _):
            connection = Connection(port)
            replies = [await connection.ask("POST", "/v1/poses", b"x", content_type="image/png") for _ in range(2)]
            await connection.close()
            return replies

    assert [reply.status for reply in asyncio.run(run())] == [200, 200]


def test_connections_are_bounded():
    async def run():
        async with nearby(deadlines=Deadlines(connections=5)) as (port, _, _):
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            await asyncio.sleep(0.1)
            beyond = await ask(port, "GET", "/livez")
            for _, writer in idle:
                writer.close()
            await asyncio.sleep(0.1)
            return beyond, await ask(port, "GET", "/livez")

    beyond, after = asyncio.run(run())
    assert (beyond.status, beyond.code) == (503, "too-many-connections")
    assert after.status == 200
