"""What a service may cost, and whom it answers."""

from dataclasses import dataclass
from pathlib import Path

from glasspose.errors import UsageError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
SHORTEST_TOKEN = 16
"""Letters; shorter ones can be guessed."""


@dataclass(frozen=True, kw_only=True)
class Deadlines:
    """How long a client may take, in seconds from the beginning of each part, however busily it trickles.

    8: so that on a busy machine too a slow client is gone within 10.
    """

    head: float = 8.0
    """For the request line and all headers; also how long a connection may stay idle between two requests."""
    body: float = 8.0
    """For the body, and besides the time that it takes at `rate`."""
    write: float = 8.0
    """To read the answer, and besides the time that it takes at `rate`."""
    linger: float = 2.0
    """To stop sending a body after it was refused."""
    rate: float = 16 * 1024
    """Bytes a second that every client reaches."""
    longest: float = 120.0
    """For the body, at any rate."""
    connections: int = 2048
    """At once."""


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Where pictures and answers are kept for later labelling."""

    folder: Path
    bytes: int = 2**30
    """Of all of them; when it is full, nothing more is kept."""
    days: float = 30.0
    """After so long they are deleted."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of one service. Whoever makes it by hand has the same defaults as the command."""

    weights: str | None = None
    """The best that ship where not given."""
    host: str = "127.0.0.1"
    port: int = 8000
    device: str = "auto"
    flip_test: bool = True
    batch: int = 16
    """Pictures that go through the network at once."""
    workers: int = 0
    """Processes that hold the network; 0: one on a GPU, else one for each core, up to four."""
    queue: int = 64
    """Requests that may wait."""
    seconds: float = 30.0
    """After so long a request that waits or is worked on is given up."""
    max_bytes: int = 20 * 2**20
    """Of a request's body."""
    max_pixels: int | None = None
    """Of a picture; None: as many as `predict` opens."""
    held_bytes: int = 256 * 2**20
    """Of all bodies that have arrived, in part or whole, and are not answered."""
    explain: bool = True
    explain_queue: int = 2
    explain_seconds: float = 120.0
    deadlines: Deadlines = Deadlines()
    drain_seconds: float = 5.0
    """After SIGTERM requests are still taken for so long, while /readyz tells a load balancer to send no more."""
    grace_seconds: float = 30.0
    """After that, those under way may take so long."""
    token: str | None = None
    hosts: tuple[str, ...] = ()
    """Names by which the service may be called; without any, those of loopback where it listens there, else every name."""
    origins: tuple[str, ...] = ()
    """Other web pages that may call it, such as https://example.org."""
    keeping: Keeping | None = None

    def __post_init__(self) -> None:
        """UsageError for what makes no sense."""
        for name in ("batch", "queue", "max_bytes", "max_pixels", "explain_queue"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name.replace('_', '-')} {value} is less than 1", f"Use --{name.replace('_', '-')} 1 or more")
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not self.token.isascii() or not self.token.isprintable()):
            raise UsageError(f"the token is not {SHORTEST_TOKEN} or more plain letters", "Make one: openssl rand -hex 32")

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """Names without ports that a Host header may hold; empty: any."""
        return self.hosts or (LOOPBACK if self.host in LOOPBACK else ())
