"""Messages between the program and a planner's process, as JSON from the knowledge's codec."""

import socket
from dataclasses import dataclass

from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.goals import Goals
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle
from marskit.domain.topology import Topology
from marskit.planning import HeldCanary

MOST_BYTES = 2**20
"""Longest answer that is accepted, in bytes; a plan takes a few kilobytes."""
_HEAD = 4
"""Length of the number that precedes every message, in bytes."""


@dataclass(frozen=True, slots=True)
class Load:
    """Request: import the class, make a planner and reset it."""

    name: str
    """Name of the class."""
    file: str | None
    module: str | None
    chosen: str
    """The name by which the planner was chosen."""
    seed: int
    memory_bytes: int
    """Memory that it may use above that of an empty planner."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Request: make a new planner of the class."""

    seed: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The differences of a planning view to the last one; None means unchanged."""

    now_s: float
    speed: float
    topology: Topology | None
    configuration: Configuration | None
    goals: Goals | None
    observation: Observation | None
    held: tuple[HeldCanary, ...]
    recent: tuple[Observation, ...]
    """Observations added since the last view."""
    recent_n: int
    """Number of observations in the window now."""
    cycles: tuple[Cycle, ...]
    """Cycles added since the last view."""
    cycles_n: int
    """Number of cycles in the window now."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Request: plan, or analyse."""

    analyse: bool
    diagnosis: Diagnosis
    seen: Seen


Request = Load | Reset | Ask


@dataclass(frozen=True, slots=True)
class Loaded:
    """Reply: the planner is ready."""

    pid: int
    name: str
    summary: str
    analyses: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """Reply: a plan of the right types that is not yet checked against the mesh."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """Reply: the planner's own diagnosis; None for no change."""

    diagnosis: Diagnosis | None


@dataclass(frozen=True, slots=True)
class Failed:
    """Reply: the planner failed and is still running; the sentence continues after its name."""

    sentence: str


Reply = Loaded | Planned | Diagnosed | Failed


@dataclass(frozen=True, slots=True)
class Gone:
    """The host's report that the planner's process and all its descendants have ended."""

    status: int
    """The exit code, or the negative number of a signal."""
    said: str
    """The end of its output."""
    dump: str
    """Its stack as `faulthandler` wrote it; empty if unknown."""
    too_many: bool
    """Whether it was killed because it had started too many processes."""


def send(channel: socket.socket, text: str) -> None:
    """Send one message."""
    body = text.encode()
    channel.sendall(len(body).to_bytes(_HEAD, "big") + body)


class Inbox:
    """Splits a byte stream into messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, part: bytes) -> None:
        """Add received bytes."""
        self._bytes += part

    def take(self, most_bytes: int) -> str | None:
        """Take the next complete message; None while there is none.

        Args:
            most_bytes: Longest message that is accepted, in bytes.

        Raises:
            ValueError: The message is longer than `most_bytes`, or is not UTF-8.
        """
        if len(self._bytes) < _HEAD:
            return None
        length = int.from_bytes(self._bytes[:_HEAD], "big")
        if length > most_bytes:
            raise ValueError(f"a message of {length} bytes")
        if len(self._bytes) < _HEAD + length:
            return None
        body = bytes(self._bytes[_HEAD : _HEAD + length])
        del self._bytes[: _HEAD + length]
        return body.decode()
