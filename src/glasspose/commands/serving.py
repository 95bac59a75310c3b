"""`glasspose serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from glasspose.serving.settings import Keeping

TOKEN = "GLASSPOSE_TOKEN"  # noqa: S105 - the variable's name


def serve(
    weights: str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token_file: Path | None = None,
    allow_host: tuple[str, ...] = (),
    allow_origin: tuple[str, ...] = (),
    keep: Path | None = None,
    keep_megabytes: int = 1024,
    keep_days: float = 30.0,
    explain: bool = True,
    device: str = "auto",
    flip_test: bool = True,
    workers: int = 0,
    batch: Annotated[int, Parameter(help="Pictures at once.")] = 16,
    queue: int = 64,
    seconds: float = 30.0,
    max_megabytes: float = 20.0,
    max_pixels: int | None = None,
    connections: int = 2048,
    drain_seconds: float = 5.0,
    grace_seconds: float = 30.0,
) -> int:
    """Answer pictures sent over HTTP with the keypoints of the people in them (docs/serving.md).

    Example: glasspose serve hourglass-tiny-lsp

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card; the best that ship where not given.
    host
        Only this machine can reach the default; 0.0.0.0 opens the service to every machine that reaches this one.
    port
        0 takes a free one.
    token_file
        A file whose first line every request must bring as "Authorization: Bearer TOKEN"; or the variable GLASSPOSE_TOKEN.
    allow_host
        Names by which clients may call the service; without any, those of this machine, or every name where --host is another.
    allow_origin
        Web pages from elsewhere that may call it, such as https://example.org.
    keep
        Keep every picture with its answer in this folder, for later labelling.
    keep_megabytes
        When so much is kept, nothing more is.
    keep_days
        After so long they are deleted.
    explain
        Answer /v1/explain too.
    workers
        Processes that hold the network; 0: one on a GPU, else one for each core, up to four.
    queue
        Requests that may wait; more are answered with 429.
    seconds
        After so long a request is answered with 503.
    max_megabytes
        Of a request's body.
    max_pixels
        Of a picture; those that predict opens, where not given.
    connections
        Open at once.
    drain_seconds
        After SIGTERM requests are still taken for so long, while /readyz says 503.
    grace_seconds
        After that, those under way may take so long.

    """
    from rich.console import Console

    from glasspose.errors import MissingError

    try:
        from glasspose.serving.running import serve
        from glasspose.serving.settings import LOOPBACK, Deadlines
    except ModuleNotFoundError as problem:
        raise MissingError(f"serving needs {problem.name}", "pip install 'glasspose[serve]'") from None
    console = Console(stderr=True, soft_wrap=True)
    token = _token(token_file)
    if token is None and host not in LOOPBACK:
        console.print("glasspose: everybody who reaches this machine may use the service: it has no token", style="yellow")
    return serve(
        weights,
        announce=lambda line: console.print(line, markup=False, highlight=False),
        host=host,
        port=port,
        device=device,
        flip_test=flip_test,
        batch=batch,
        workers=workers,
        queue=queue,
        seconds=seconds,
        max_bytes=round(max_megabytes * 2**20),
        max_pixels=max_pixels,
        explain=explain,
        deadlines=Deadlines(connections=connections),
        drain_seconds=drain_seconds,
        grace_seconds=grace_seconds,
        token=token,
        hosts=allow_host,
        origins=allow_origin,
        keeping=_keeping(keep, keep_megabytes, keep_days),
    )


def _token(file: Path | None) -> str | None:
    import os

    from glasspose.errors import InputError

    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        return file.read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{file} cannot be read", "Name a file whose first line is the token") from None


def _keeping(folder: Path | None, megabytes: int, days: float) -> "Keeping | None":
    from glasspose.serving.settings import Keeping

    return None if folder is None else Keeping(folder=folder, bytes=megabytes * 2**20, days=days)
