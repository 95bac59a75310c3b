"""Pictures whose answers are known, clients that send many of them, and what tells how late a machine is."""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time

import cv2
import numpy as np

from dots_for_tests import FIGURE, GREY, dot_picture
from serving_for_tests import Connection, encoded, places


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


def says_when(reply):
    """Retry-After, in whole seconds."""
    return reply.headers.get("retry-after", "").isdecimal() and int(reply.headers["retry-after"]) >= 1


async def flood(port, count, lanes, pictures, replies, pause=0.0, judge=right, path="/v1/poses"):
    """`count` requests over so many kept connections, so many seconds after one another; of each reply its status, its seconds, and whether
    it is right: what `judge` says of an answer to a picture, and of a refusal for now that it says when to come back.
    """
    numbers = iter(range(count))

    async def lane():
        connection = Connection(port)
        for number in numbers:
            data, figure, size = pictures[number % len(pictures)]
            try:
                reply = await connection.ask("POST", path, data, content_type="image/jpeg" if data[:2] == b"\xff\xd8" else "image/png")
            except ConnectionError:
                await connection.close()
                replies.append((0, 0.0, False))
                continue
            good = judge(reply, figure, size) if reply.status == 200 else reply.status not in (429, 503) or says_when(reply)
            replies.append((reply.status, reply.seconds, good))
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


@contextlib.asynccontextmanager
async def watched_loop():
    """How many seconds later than asked the clients' own loop goes on; filled in as it happens."""
    late = [0.0]

    async def watch():
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.02)
            late.append(time.monotonic() - begun - 0.02)

    watching = asyncio.create_task(watch())
    try:
        yield late
    finally:
        watching.cancel()


def metric(text, name):
    """A number of a service's /metrics."""
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))
