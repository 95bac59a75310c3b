"""Who is answered, and what is refused: without workers, in this process."""

import asyncio
import json
import random
import re
import urllib.parse
from collections import Counter

import pytest

from glasspose.errors import UsageError
from glasspose.serving import asking
from glasspose.serving.problems import Problem, harmless
from glasspose.serving.settings import LOOPBACK, Settings
from serving_for_tests import LEAK, Instant, answer, ask, form, nearby

PNG = b"\x89PNG" + bytes(100)
TOKEN = "a-token-of-enough-letters"


def asked(*requests, **options):
    """Replies of a service with these options to (method, path, body, headers)."""

    async def all_of_them():
        async with nearby(**options) as (port, _, _):
            return [await ask(port, *words[:-1], **words[-1]) for words in requests]

    replies = asyncio.run(all_of_them())
    for reply in replies:
        if reply.status >= 400:
            told = reply.json()
            assert set(told) == {"format", "version", "code", "message"}, told
            assert not LEAK.search(reply.body.decode()), told
            assert "\n" not in told["message"]
    return replies


def post(body=PNG, path="/v1/poses", **headers):
    return "POST", path, body, {"content_type": "image/png", **headers}


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (post(content_type="text/plain"), 415, "content-type"),
        (post(content_type=None), 415, "content-type"),
        (post(content_encoding="gzip"), 415, "content-encoding"),
        (post(content_encoding="br"), 415, "content-encoding"),
        (post(b""), 400, "no-picture"),
        (post(path="/v1/poses?overly=1"), 400, "bad-option"),
        (post(path="/v1/poses?overlay=bmp"), 400, "bad-option"),
        (post(path="/v1/poses?overlay=1&overlay=0"), 400, "bad-option"),
        (post(path="/v1/poses?url=http://127.0.0.1/a.jpg"), 400, "bad-option"),
        (post(path="/v1/poses?boxes=1,2,3"), 400, "bad-boxes"),
        (post(path="/v1/poses?boxes=nan,0,1,1"), 400, "bad-boxes"),
        (post(path="/v1/poses?boxes=5,5,1,9"), 400, "bad-boxes"),
        (post(path="/v1/poses?boxes=0,0,1e9,1"), 400, "bad-boxes"),
        (post(path="/v1/poses?boxes=" + ";".join(["0,0,9,9"] * 33)), 400, "bad-boxes"),
        (post(path="/v1/explain?keypoint=tail"), 400, "bad-option"),
        (post(path="/v1/explain?keypoint=nose&method=magic"), 400, "bad-option"),
        (post(path="/v1/explain?keypoint=nose&box=0,0,1,1;0,0,2,2"), 400, "bad-boxes"),
        (post(content_type="multipart/form-data"), 400, "bad-form"),
        (post(content_type="multipart/form-data; boundary=edge"), 400, "bad-form"),
        (("GET", "/v1/poses", b"", {}), 405, "method"),
        (("DELETE", "/v1/kept/" + "0" * 32, b"", {}), 404, "not-found"),
        (("GET", "/docs", b"", {}), 404, "not-found"),
        (("GET", "/redoc", b"", {}), 404, "not-found"),
        (("GET", "/v1/poses/", b"", {}), 404, "not-found"),
        (("GET", "/healthz", b"", {"host": "evil.example"}), 421, "host"),
        (("GET", "/healthz", b"", {"host": "evil.example:80"}), 421, "host"),
        (("GET", "/healthz", b"", {"host": "127.0.0.1.evil.example"}), 421, "host"),
        (post(origin="https://evil.example"), 403, "origin"),
        (post(origin="null"), 403, "origin"),
        (("OPTIONS", "/v1/poses", b"", {"origin": "https://evil.example"}), 403, "origin"),
        (post(transfer_encoding="chunked", content_length="5"), 400, "bad-request"),
    ],
)
def test_what_is_refused(request_, status, code):
    (reply,) = asked(request_)
    assert (reply.status, reply.code) == (status, code)


GOOD_ASKS = (
    ("/v1/poses", "boxes", "10,20,110,220"),
    ("/v1/poses", "boxes", "0,0,9,9;1.5,2.5,30.25,40"),
    ("/v1/poses", "overlay", "png"),
    ("/v1/explain", "keypoint", "nose"),
    ("/v1/explain", "method", "occlusion"),
    ("/v1/explain", "box", "1,2,30,40"),
)
BREAKS = (
    "nan",
    "-inf",
    "1e999",
    "0x7fff",
    "null",
    "{}",
    "[[0,0,1,1]]",
    '{"a":',
    "'",
    '"',
    "%00",
    "\x00",
    "\u0130",
    "../",
    ";;",
    ",,",
    "9" * 400,
    "-",
    "\r\n",
)


def mutated_ask(chance):
    """An ask beside a picture that is malformed: its name, its value, twice the same, or JSON in its place."""
    path, name, value = chance.choice(GOOD_ASKS)
    kind = chance.randrange(4)
    if kind == 0:
        place = chance.randrange(len(name))
        name = name[:place] + chance.choice(["_", "x", "\u00e9", "[]", "."]) + name[place + chance.randrange(2) :]
    elif kind == 1:
        place = chance.randrange(len(value) + 1)
        value = value[:place] + chance.choice(BREAKS) + value[place + chance.randrange(3) :]
    elif kind == 2:
        value = chance.choice(
            [json.dumps({name: value})[: chance.randrange(1, 20)], json.dumps([value] * chance.randrange(1, 40)), chance.choice(BREAKS)]
        )
    told = [(name, value)] * (2 if kind == 3 else 1)
    return path, told if path == "/v1/poses" or name == "keypoint" else [("keypoint", "nose"), *told]


def test_s5_three_hundred_mutated_asks_beside_a_picture():
    """In the query and, in turns, in a form's fields; a whole body of JSON besides. None reaches a worker, but those that mean something still."""
    chance, asks = random.Random(0), []
    for i in range(300):
        path, told = mutated_ask(chance)
        if i % 10 == 0:
            cut = json.dumps({"picture": "aGVsbG8=", **dict(told)}).encode()
            asks.append(post(cut[: chance.randrange(1, len(cut) + 1)], path, content_type="application/json"))
        elif i % 2:
            asks.append(post(path=f"{path}?{urllib.parse.urlencode(told)}"))
        else:
            fields = b"".join(b'--edge\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), v.encode()) for n, v in told)
            kind, body = form(PNG)
            asks.append(post(fields + body, path, content_type=kind))
    statuses = Counter(reply.status for reply in asked(*asks))
    print(f"S5: {dict(statuses)}")
    assert set(statuses) <= {200, 400, 415}
    assert statuses[400] + statuses[415] > 200


def test_a_form_is_one_file_with_few_short_fields():
    kind, one = form(PNG)
    cases = [one, form(PNG, **{f"f{i}": "1" for i in range(9)})[1], form(PNG, boxes="1" * 5000)[1], one.replace(b'; filename="a.png"', b"")]
    cases += [one[:-10].replace(b"--edge--", b"") + one, b"--edge\r\n\r\n\r\n" * 100_000 + b"--edge--\r\n", one.replace(b'name="picture"', b"")]
    replies = asked(*(post(body, content_type=kind) for body in cases))
    assert [reply.status for reply in replies] == [200, 400, 400, 400, 400, 400, 400]
    assert max(reply.seconds for reply in replies) < 5


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "[::1]:8000", "LOCALHOST"])
def test_the_names_of_this_machine(host):
    assert asked(("GET", "/healthz", b"", {"host": host}))[0].status == 200


def test_only_loopback_without_an_explicit_host():
    assert Settings().host == "127.0.0.1"
    assert Settings().known_hosts == LOOPBACK
    assert Settings(host="0.0.0.0").known_hosts == ()
    assert Settings(host="0.0.0.0", hosts=("pose.example",)).known_hosts == ("pose.example",)


def test_pages_from_elsewhere_only_where_they_are_named():
    named, preflight, own = asked(
        post(origin="https://good.example"),
        ("OPTIONS", "/v1/poses", b"", {"origin": "https://good.example"}),
        post(origin="http://127.0.0.1"),
        origins=("https://good.example",),
    )
    assert named.headers["access-control-allow-origin"] == preflight.headers["access-control-allow-origin"] == "https://good.example"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert (named.status, preflight.status, own.status) == (200, 204, 200)
    assert "access-control-allow-origin" not in own.headers


def test_the_token_opens_and_nothing_else_does():
    wrong = ("", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", f"Bearer {TOKEN.upper()}", "Bearer \xff\xfe")
    refused = asked(*(post(authorization=word) for word in wrong), ("GET", "/metrics", b"", {}), ("GET", "/v1/model", b"", {}), token=TOKEN)
    assert [reply.status for reply in refused] == [401] * len(refused)
    assert refused[0].headers["www-authenticate"] == "Bearer"
    opened = asked(post(authorization=f"Bearer {TOKEN}"), ("GET", "/healthz", b"", {}), ("GET", "/", b"", {}), token=TOKEN)
    assert [reply.status for reply in opened] == [200, 200, 200]


def test_the_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append((len(a), len(b))) or a == b)
    asked(post(authorization="Bearer x"), post(authorization=f"Bearer {TOKEN}"), post(), token=TOKEN)
    assert compared == [(32, 32)] * 3


@pytest.mark.parametrize("token", ["short", "with a line\nbreak and more", "ümläut-and-many-more-letters"])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token):
    with pytest.raises(UsageError, match="token"):
        Settings(token=token)


def test_a_body_is_refused_at_its_limit_exactly():
    assert [r.status for r in asked(post(bytes(1000)), post(bytes(1001)), max_bytes=1000)] == [200, 413]
    chunked = [b"%x\r\n%s\r\n0\r\n\r\n" % (n, bytes(n)) for n in (1000, 1001)]
    told = {"transfer_encoding": "chunked", "content_length": None}
    assert [r.status for r in asked(*(post(body, **told) for body in chunked), max_bytes=1000)] == [200, 413]


def test_all_bodies_together_are_bounded():
    async def many():
        async with nearby(Instant(0.2), held_bytes=5000) as (port, endpoints, _):
            replies = await asyncio.gather(*(ask(port, "POST", "/v1/poses", bytes(1000), content_type="image/png") for _ in range(12)))
            assert endpoints.held.count == 0
            return replies

    replies = asyncio.run(many())
    assert sorted(reply.status for reply in replies) == [200] * 5 + [503] * 7
    assert all("retry-after" in reply.headers for reply in replies if reply.status == 503)


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /v1/poses HTTP/1.1\r\nhost: localhost\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/poses HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /v1/poses HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip\r\n\r\n",
        b"POST /v1/poses HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: 1\r\n" % i for i in range(100_000)) + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_is_no_http(raw):
    async def send():
        async with nearby() as (port, _, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            reply = await asyncio.wait_for(answer(reader), 5)
            writer.close()
            return reply

    reply = asyncio.run(send())
    assert reply.status in (400, 408, 421, 431, 0)
    assert reply.status or len(raw) > 65_000
    assert not LEAK.search(reply.body.decode())
    assert b"h11" not in reply.body


@pytest.mark.parametrize(
    "line",
    [
        "cannot identify image file <_io.BytesIO object at 0x7f39451fe520>",
        "cannot open /home/somebody/a.jpg",
        "no such file: '/etc/passwd'",
        "C:\\pictures\\a.jpg is not there",
        'File "worker.py", line 3',
        "Traceback (most recent call last)",
        "one line\nand another",
        "see ~/notes",
    ],
)
def test_no_line_tells_of_the_machine(line):
    assert harmless(line) != line
    assert Problem(422, "image", line).body()["message"] == harmless(line)
    assert re.fullmatch(r"[\w ;']+", harmless(line))


@pytest.mark.parametrize(
    "line", ["the picture has 9000 x 9000 = 81,000,000 pixels", "Use JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or HEIC", "1/2 of it"]
)
def test_other_lines_are_told_as_they_are(line):
    assert harmless(line) == line


def test_a_mistake_of_the_service_tells_nothing(caplog):
    class Broken(Instant):
        async def submit(self, *_):
            raise RuntimeError("secret at 0x7f0000000000 in /home/somebody")

    (reply,) = asked(post(), workers=Broken())
    assert (reply.status, reply.code) == (500, "internal")
    assert "secret" in caplog.text


def test_numbers_of_boxes():
    assert asking.boxes("1,2,3,4; 5,6,7.5,8") == [[1, 2, 3, 4], [5, 6, 7.5, 8]]
    assert asking.boxes(None) is asking.boxes(" ") is None
