import json
import time

import pytest

from glasspose.data.fetching import Patience, check_address, fetch
from glasspose.errors import InputError, MissingError, UsageError
from servers_for_tests import serving

CONTENT = bytes(range(256)) * 20_000
HASTE = Patience(silence=0.4, tries=3, pause=0.01, enough=1 << 19)


def get(address, to, **options):
    fetch(address, to, **{"largest": 1 << 30, "room": lambda *_: None, "progress": lambda *_: None, "patience": HASTE} | options)


@pytest.fixture
def to(tmp_path):
    return tmp_path / "a.zip"


def whole(to, content=CONTENT):
    assert to.read_bytes() == content
    assert [path.name for path in to.parent.iterdir()] == [to.name]


def test_a_file_comes_whole(to):
    told, asked = [], []
    with serving({"a.zip": CONTENT}) as (address, manners):
        get(f"{address}/a.zip", to, progress=lambda *numbers: told.append(numbers), room=lambda *numbers: asked.append(numbers))
    whole(to)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert asked == [(len(CONTENT), len(CONTENT))]
    assert not {"Cookie", "Authorization", "Range"} & set(manners.asked[0][1])


@pytest.mark.parametrize("tags", [{}, {"etag": 'W/"weak"'}, {"etag": None, "modified": "Tue, 02 Jun 2015 10:00:00 GMT"}, {"etag": None}])
def test_a_broken_connection_goes_on_where_it_was(to, tags):
    with serving({"a.zip": CONTENT}, breaks=[2_000_000, 1_000_000], **tags) as (address, manners):
        get(f"{address}/a.zip", to)
    whole(to)
    assert manners.sent == len(CONTENT)
    assert [headers.get("Range") for _, headers in manners.asked] == [None, "bytes=2000000-", "bytes=3000000-"]
    assert manners.asked[1][1].get("If-Range") == (manners.modified if manners.etag != '"one"' else '"one"')


def test_the_next_run_goes_on_where_the_last_one_was(to):
    with serving({"a.zip": CONTENT}, breaks=[3_000_000, 0, 0, 0]) as (address, manners):
        with pytest.raises(MissingError, match=r"3 times in a row.*3000000 bytes are kept"):
            get(f"{address}/a.zip", to)
        assert not to.exists()
        get(f"{address}/a.zip", to)
    whole(to)
    assert manners.sent == len(CONTENT)


def test_a_server_that_cannot_go_on_starts_again(to):
    with serving({"a.zip": CONTENT}, ranges=False, breaks=[2_000_000]) as (address, manners):
        get(f"{address}/a.zip", to)
    whole(to)
    assert manners.sent == len(CONTENT) + 2_000_000


@pytest.mark.parametrize("tags", [{}, {"etag": None}])
def test_a_file_that_changed_in_between_is_never_mixed(to, tags):
    changed = CONTENT[::-1] + b"longer"
    with serving({"a.zip": CONTENT}, breaks=[2_000_000, 0, 0], **tags) as (address, manners):
        with pytest.raises(MissingError):
            get(f"{address}/a.zip", to)
        manners.files["a.zip"], manners.etag = changed, tags.get("etag", '"two"')
        get(f"{address}/a.zip", to)
    whole(to, changed)


def test_a_file_that_became_shorter_is_fetched_anew(to):
    with serving({"a.zip": CONTENT}, breaks=[2_000_000, 0, 0], etag=None) as (address, manners):
        with pytest.raises(MissingError):
            get(f"{address}/a.zip", to)
        manners.files["a.zip"] = b"short"
        get(f"{address}/a.zip", to)
    whole(to, b"short")


@pytest.mark.parametrize("told", ["bytes 0-5119999/5120000", "bytes 2000000-5119999/*", "nonsense"])
def test_a_wrong_continuation_is_not_appended(to, told):
    with serving({"a.zip": CONTENT}, breaks=[2_000_000], content_range=told) as (address, manners):
        get(f"{address}/a.zip", to)
    whole(to)
    assert "Range" not in manners.asked[-1][1]


def test_a_server_in_trouble_is_asked_again(to):
    with serving({"a.zip": CONTENT}, statuses=[500, 503]) as (address, manners):
        get(f"{address}/a.zip", to)
    whole(to)
    assert len(manners.asked) == 3


def test_a_server_that_stays_in_trouble_is_given_up(to):
    with serving({"a.zip": CONTENT}, statuses=[500] * 99) as (address, manners), pytest.raises(MissingError, match="answers 500, 3 times"):
        get(f"{address}/a.zip", to)
    assert len(manners.asked) == 3


def test_tries_that_brought_something_do_not_count(to):
    with serving({"a.zip": CONTENT}, breaks=[600_000] * 7) as (address, manners):
        get(f"{address}/a.zip", to)
    whole(to)
    assert manners.sent == len(CONTENT)


def test_nothing_there_is_said_at_once(to):
    with serving({}) as (address, manners), pytest.raises(MissingError, match="404"):
        get(f"{address}/a.zip", to)
    assert len(manners.asked) == 1


def test_nobody_there(to):
    with serving({}) as (address, _):
        pass
    with pytest.raises(MissingError, match="no connection"):
        get(f"{address}/a.zip", to)


def test_a_silent_server_is_not_waited_for(to):
    started = time.monotonic()
    with serving({"a.zip": CONTENT}, silent=[1000, 0, 0]) as (address, _), pytest.raises(MissingError, match="timed out"):
        get(f"{address}/a.zip", to, patience=Patience(silence=0.2, tries=3, pause=0.01))
    assert time.monotonic() - started < 5
    assert to.with_name("a.zip.part").stat().st_size == 1000


@pytest.mark.parametrize("length", [-1, len(CONTENT) - 1, 1 << 40])
def test_a_length_that_is_not_the_expected_one_is_refused_before_anything_comes(to, length):
    with serving({"a.zip": CONTENT}, length=length) as (address, _), pytest.raises(InputError, match=r"how long|bytes, (not|more)"):
        get(f"{address}/a.zip", to, size=None if length > len(CONTENT) else len(CONTENT))
    assert not list(to.parent.iterdir())


@pytest.mark.parametrize("target", ["http://example.org/a.zip", "ftp://127.0.0.1/a.zip", "https://me:secret@127.0.0.1/a.zip"])
def test_a_redirect_to_anything_but_https_is_refused(to, target):
    with serving({}, redirect=target) as (address, _), pytest.raises(InputError, match="redirects to"):
        get(f"{address}/a.zip", to)
    assert not list(to.parent.iterdir())


def test_a_redirect_to_a_file_of_this_machine_is_refused(to):
    with serving({}, redirect="file:///etc/passwd") as (address, _), pytest.raises(MissingError, match="302"):
        get(f"{address}/a.zip", to)
    assert not list(to.parent.iterdir())


def test_a_redirect_within_this_machine_is_followed(to):
    with serving({"a.zip": CONTENT}) as (there, _), serving({}, redirect=f"{there}/a.zip") as (here, _):
        get(f"{here}/x", to)
    whole(to)


def test_a_circle_of_redirects_ends(to):
    with serving({}) as (address, manners):
        manners.redirect = f"{address}/again"
        with pytest.raises(MissingError):
            get(f"{address}/a.zip", to)
    assert len(manners.asked) <= 12


@pytest.mark.parametrize(
    "state",
    [b"", b"[]", b"{", b'{"address": "http://other/", "length": 5120000}', b'{"address": 1}', b'{"length": []}', b"[" * 100_000, b'{"a": 1}'],
)
def test_a_part_of_unknown_origin_is_worth_nothing(to, state):
    to.with_name("a.zip.part").write_bytes(b"something else")
    to.with_name("a.zip.part.json").write_bytes(state)
    with serving({"a.zip": CONTENT}) as (address, manners):
        get(f"{address}/a.zip", to)
    whole(to)
    assert "Range" not in manners.asked[0][1]


@pytest.mark.parametrize("etag", ["a\r\nX-Evil: 1", ["a"], 3])
def test_a_state_that_would_forge_headers_is_not_believed(to, etag):
    with serving({"a.zip": CONTENT}) as (address, manners):
        to.with_name("a.zip.part").write_bytes(CONTENT[:5])
        to.with_name("a.zip.part.json").write_text(json.dumps({"address": f"{address}/a.zip", "length": len(CONTENT), "etag": etag}))
        get(f"{address}/a.zip", to)
    whole(to)
    assert "Range" not in manners.asked[0][1]


def test_a_part_that_is_whole_is_not_asked_for(to):
    with serving({"a.zip": CONTENT}) as (address, manners):
        to.with_name("a.zip.part").write_bytes(CONTENT)
        to.with_name("a.zip.part.json").write_text(json.dumps({"address": f"{address}/a.zip", "length": len(CONTENT)}))
        get(f"{address}/a.zip", to)
    whole(to)
    assert not manners.asked


def test_no_room_is_said_before_anything_comes(to):
    def room(to_come, length):
        raise MissingError("no room")

    with serving({"a.zip": CONTENT}) as (address, _), pytest.raises(MissingError, match="no room"):
        get(f"{address}/a.zip", to, room=room)
    assert not to.with_name("a.zip.part").exists()


def test_a_break_from_the_keyboard_keeps_what_has_come(to):
    def stop(done, total):
        if done > 1_000_000:
            raise KeyboardInterrupt

    with serving({"a.zip": CONTENT}) as (address, manners):
        with pytest.raises(KeyboardInterrupt):
            get(f"{address}/a.zip", to, progress=stop)
        kept = to.with_name("a.zip.part").stat().st_size
        assert 1_000_000 < kept < len(CONTENT)
        get(f"{address}/a.zip", to)
    whole(to)
    assert manners.asked[-1][1]["Range"] == f"bytes={kept}-"


@pytest.mark.parametrize(
    "address", ["ftp://example.org/a", "file:///etc/passwd", "example.org/a", "https://me:secret@example.org/a", "https:///a", ""]
)
def test_other_addresses_are_refused(address):
    with pytest.raises(UsageError):
        check_address(address, checksum_known=True)


def test_http_needs_a_checksum():
    check_address("http://example.org/a", checksum_known=True)
    check_address("https://example.org/a", checksum_known=False)
    check_address("http://127.0.0.1:8000/a", checksum_known=False)
    with pytest.raises(UsageError, match="--sha256"):
        check_address("http://example.org/a", checksum_known=False)
