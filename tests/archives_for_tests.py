"""Archives that a test plants: good ones, and one for every attack that we know."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile

GOOD = {"images/im00001.jpg": b"\xff\xd8 one", "images/im00002.jpg": b"\xff\xd8 two", "joints.mat": b"numbers"}


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    """Files by name; a name may be a ZipInfo."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return content.getvalue()


def zip_entry(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return zipped([("before.txt", b"harmless"), (info, b"/etc/passwd")])


def tarred(members, mode="w:gz", form=tarfile.GNU_FORMAT):
    """(TarInfo or name, content) in a row."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode, format=form) as archive:
        for member, data in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def tar_entry(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return tarred([("before.txt", b"harmless"), (info, b"")])


def link_and_file_behind_it():
    link = tarfile.TarInfo("images")
    link.type, link.linkname = tarfile.SYMTYPE, ".."
    return tarred([(link, b""), ("images/planted.txt", b"outside")])


def negative_size():
    header = bytearray(tarred([("a.txt", b"")], "w")[:512])
    header[124:136] = b"\xff" * 10 + struct.pack(">h", -1024)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return gzip.compress(tarred([("first.txt", b"")], "w")[:512] + bytes(header) + bytes(1024))


def long_header():
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"comment": "x" * (1 << 21)}
    return tarred([(info, b"")], form=tarfile.PAX_FORMAT)


def chain_of_headers():
    """Each header announces the next: tarfile follows them by recursion."""
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"comment": "x"}
    header = info.tobuf(tarfile.PAX_FORMAT)[:1024]
    return gzip.compress(header * 5000 + bytes(1024))


def overlapping():
    """Two entries of the directory that share their data, as in the bombs without nesting."""
    data = bytearray(zipped([("aa", bytes(range(256)) * 40), ("bb", bytes(range(256)) * 40)], zipfile.ZIP_STORED))
    end = data.rfind(b"PK\x05\x06")
    start = struct.unpack_from("<I", data, end + 16)[0]
    entry = bytes(data[start : start + 48])
    repeated = entry * 3
    struct.pack_into("<HHII", data, end + 8, 3, 3, len(repeated), start)
    return bytes(data[:start]) + repeated + bytes(data[end:])


def patched(data, at, form, value):
    data = bytearray(data)
    struct.pack_into(form, data, data.rfind(b"PK\x01\x02") + at, value)
    return bytes(data)


def renamed(data, old, new):
    assert len(old) == len(new)
    return data.replace(old, new)


ATTACKS = {
    "zip: parent folder": zipped({"../planted.txt": b"x"}),
    "zip: parent folder further in": zipped({"images/../../planted.txt": b"x"}),
    "zip: absolute": zipped({"/tmp/planted.txt": b"x"}),
    "zip: absolute, two slashes": zipped({"//planted.txt": b"x"}),
    "zip: drive": zipped({"C:planted.txt": b"x"}),
    "zip: backslashes": zipped({"..\\planted.txt": b"x"}),
    "zip: name of nothing": renamed(zipped({"ab": b"x"}), b"ab", b"\0b"),
    "zip: name cut by a zero byte": renamed(zipped({"a.txt.exe": b"x"}), b"a.txt.exe", b"a.txt\0exe"),
    "zip: newline in a name": zipped({"a\nb": b"x"}),
    "zip: escape sequence in a name": zipped({"\x1b[31mred": b"x"}),
    "zip: text turned round": zipped({"photo\u202egpj.exe": b"x"}),
    "zip: space at the end": zipped({"images /a.txt": b"x"}),
    "zip: name too long": zipped({"a" * 300: b"x"}),
    "zip: too deep": zipped({"a/" * 40 + "b": b"x"}),
    "zip: symbolic link": zip_entry("link", stat.S_IFLNK | 0o777),
    "zip: device": zip_entry("device", stat.S_IFCHR | 0o666),
    "zip: fifo": zip_entry("fifo", stat.S_IFIFO | 0o666),
    "zip: socket": zip_entry("socket", stat.S_IFSOCK | 0o666),
    "zip: bomb": zipped({"zeros": bytes(64 << 20)}),
    "zip: bomb of many": zipped({f"zeros{i}": bytes(1 << 20) for i in range(40)}),
    "zip: overlapping": overlapping(),
    "zip: name twice": renamed(zipped([("aa", b"x"), ("ab", b"y")]), b"ab", b"aa"),
    "zip: file and folder of one name": zipped([("aa", b"x"), ("aa/b", b"y")]),
    "zip: encrypted": patched(zipped({"a": b"x"}), 8, "<H", 1),
    "zip: unusual packing": zipped({"a": b"x" * 100}, zipfile.ZIP_LZMA),
    "zip: longer than it says": patched(zipped({"a": b"x" * 100}), 24, "<I", 50),
    "zip: shorter than it says": patched(zipped({"a": b"x" * 100}), 24, "<I", 200),
    "zip: other checksum": patched(zipped({"a": b"x" * 100}), 16, "<I", 1),
    "zip: other offset": patched(zipped({"a": b"x" * 100}), 42, "<I", 7),
    "zip: cut off": zipped(GOOD)[:-30],
    "zip: too many members": zipped([(f"{i:05d}", b"") for i in range(1200)]),
    "tar: parent folder": tarred([("../planted.txt", b"x")]),
    "tar: absolute": tarred([("/tmp/planted.txt", b"x")]),
    "tar: symbolic link": tar_entry("link", tarfile.SYMTYPE, "../planted.txt"),
    "tar: symbolic link within": tar_entry("link", tarfile.SYMTYPE, "before.txt"),
    "tar: link and a file behind it": link_and_file_behind_it(),
    "tar: hard link": tar_entry("link", tarfile.LNKTYPE, "/etc/passwd"),
    "tar: character device": tar_entry("null", tarfile.CHRTYPE),
    "tar: block device": tar_entry("disk", tarfile.BLKTYPE),
    "tar: fifo": tar_entry("fifo", tarfile.FIFOTYPE),
    "tar: unknown type": tar_entry("what", b"Z"),
    "tar: sparse": tar_entry("sparse", tarfile.GNUTYPE_SPARSE),
    "tar: bomb": tarred([("zeros", bytes(64 << 20))]),
    "tar: name twice": tarred([("a", b"x"), ("a", b"y")]),
    "tar: folder over a file": tarred([("a", b"x"), ("a/b", b"y")]),
    "tar: surrogates in a name": tarred([(b"a\xff".decode("utf-8", "surrogateescape"), b"x")]),
    "tar: negative size": negative_size(),
    "tar: long header": long_header(),
    "tar: chain of headers": chain_of_headers(),
    "tar: too many members": tarred([(f"{i:05d}", b"") for i in range(1200)]),
    "tar: cut off": tarred([("a", bytes(range(256)) * 100)])[:-40],
    "tar: cut off before packing": gzip.compress(tarred([("a", bytes(range(256)) * 100)], "w")[:10_000]),
    "tar: cut off between two members": gzip.compress(tarred([("a", b"x"), ("b", b"y")], "w")[:1024]),
    "tar: damaged header in the middle": gzip.compress(tarred([("a", b"x"), ("b", b"y")], "w").replace(b"b\0\0\0", b"c\0\0\0", 1)),
    "tar: other checksum": tarred([("a", b"x")])[:-8] + bytes(8),
    "no archive": b"<html>Sign in to continue</html>",
    "nothing": b"",
}

REASONS = {
    "bomb": "bytes",
    "too many members": "more than 1000 members",
    "link": "a link or a device",
    "device": "a link or a device",
    "fifo": "a link or a device",
    "socket": "a link or a device",
    "unknown type": "a link or a device",
    "sparse": "a link or a device",
    "twice": "a name twice",
    "of one name": "a name twice",
    "over a file": "a name twice",
    "overlapping": "overlap",
    "encrypted": "unusual",
    "unusual": "unusual",
    "zero byte": "not what it seems",
    "space": "space at its ends",
    "too long": "a name too long",
    "too deep": "too deep",
    "cut off": "damaged",
    "says": "damaged",
    "other": "damaged",
    "damaged": "damaged",
    "no archive": "damaged",
    "nothing": "",
    "negative": "bytes",
    "long header": "header too long",
    "chain": "RecursionError",
}
"""Words of an attack's name, and of the line that refuses it; all others are bad names."""


def reason(attack):
    return next((told for word, told in REASONS.items() if word in attack), "a name that leaves the folder")
