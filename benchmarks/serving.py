"""How many pictures a second the service answers, one request at a time and many at once, in turns on the same service.

    python benchmarks/serving.py hourglass-tiny-lsp --photo docs/images/portrait.jpg

Prints the median ratio over the rounds, with the smallest and the largest.
"""

import argparse
import asyncio
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


async def lane(port: int, body: bytes, count: int) -> None:
    """So many requests over one kept connection, each after the answer to the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/poses HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: {len(body)}\r\n\r\n"
    for _ in range(count):
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in answer.split(b"\r\n")[0], answer
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", answer)[1]))
    writer.close()


def rate(port: int, body: bytes, lanes: int, each: int) -> float:
    """Answers a second."""

    async def run() -> None:
        await asyncio.gather(*(lane(port, body, each) for _ in range(lanes)))

    begun = time.perf_counter()
    asyncio.run(run())
    return lanes * each / (time.perf_counter() - begun)


def started(words: list[str]) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([sys.executable, "-m", "glasspose", "serve", *words, "--port", "0"], stderr=subprocess.PIPE, text=True)
    port = int(process.stderr.readline().strip().rsplit(":", 1)[1])
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz")
            return process, port
        except urllib.error.HTTPError:
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("--photo", type=Path, default=Path("docs/images/portrait.jpg"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lanes", type=int, default=32)
    parser.add_argument("--alone", type=int, default=20, help="requests of a round, one at a time")
    parser.add_argument("--each", type=int, default=3, help="requests of a round on each lane")
    given, options = parser.parse_known_args()
    body = given.photo.read_bytes()
    process, port = started([given.weights, *options])
    try:
        rate(port, body, given.lanes, 1)
        rounds = [(rate(port, body, 1, given.alone), rate(port, body, given.lanes, given.each)) for _ in range(given.rounds)]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    ratios = [many / one for one, many in rounds]
    alone, together = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(f"one at a time {alone:.1f} a second, {given.lanes} at once {together:.1f} a second")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, {given.rounds} rounds)")


if __name__ == "__main__":
    main()
