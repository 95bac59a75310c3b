"""Pictures and answers that are kept for later labelling: only where somebody asked for it, within a quota, for so many days, deleted on request."""

import json
import re
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glasspose.errors import InputError
from glasspose.files import write_atomically
from glasspose.serving.settings import Keeping

BETWEEN = 600.0
"""Seconds between two looks for what is too old."""
_ID = re.compile(r"[0-9a-f]{32}")
_ENDINGS = {b"\xff\xd8": "jpg", b"\x89P": "png", b"RI": "webp", b"GI": "gif", b"II": "tif", b"MM": "tif", b"BM": "bmp"}


class Kept:
    """A folder of ID.jpg and ID.pose.json. Safe to be used by several threads of one process."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping, self._lock = keeping, threading.Lock()
        keeping.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._used = sum(path.stat().st_size for path in self._files())
        self._looked = 0.0
        self._forget_old()

    def add(self, picture: bytes, told: Mapping[str, Any]) -> str | None:
        """The id under which it is found and deleted again; None where the quota is used up or the disk refuses."""
        name = secrets.token_hex(16)
        ending = _ENDINGS.get(picture[:2], "image")
        text = (json.dumps({**told, "image": f"{name}.{ending}"}, indent=1) + "\n").encode()
        with self._lock:
            self._forget_old()
            if self._used + len(picture) + len(text) > self._keeping.bytes:
                return None
            try:
                write_atomically(self._keeping.folder / f"{name}.{ending}", picture)
                write_atomically(self._keeping.folder / f"{name}.pose.json", text)
            except InputError:
                self._delete(name)
                return None
            self._used += len(picture) + len(text)
        return name

    def delete(self, name: str) -> bool:
        """Whether there was such a picture. The id is held against its form before any file is touched."""
        if not _ID.fullmatch(name):
            return False
        with self._lock:
            return self._delete(name)

    def _delete(self, name: str) -> bool:
        found = [path for path in self._files() if path.name.split(".")[0] == name]
        for path in found:
            self._used -= path.stat().st_size
            path.unlink(missing_ok=True)
        return bool(found)

    def _forget_old(self) -> None:
        now = time.time()
        if now - self._looked < BETWEEN:
            return
        self._looked = now
        for path in self._files():
            if now - path.stat().st_mtime > self._keeping.days * 86_400:
                self._used -= path.stat().st_size
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        """Only what this class has written: anything else in the folder is left alone."""
        return [
            path for path in self._keeping.folder.iterdir() if _ID.fullmatch(path.name.split(".")[0]) and path.is_file() and not path.is_symlink()
        ]
