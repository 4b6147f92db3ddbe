"""What is said between the program and the process of a planner, as JSON of the knowledge's codec."""

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
"""The longest answer that is read; a plan is a few kilobytes."""
_HEAD = 4


@dataclass(frozen=True, slots=True)
class Load:
    """Import the class, make a planner and reset it."""

    name: str
    """Of the class."""
    file: str | None
    module: str | None
    chosen: str
    """What the planner is chosen by."""
    seed: int
    memory_bytes: int
    """How much more memory than a planner without any code it may have."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Make a new planner of the class."""

    seed: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A planning view, as far as it has changed since the last one; None is as before."""

    now_s: float
    speed: float
    topology: Topology | None
    configuration: Configuration | None
    goals: Goals | None
    observation: Observation | None
    held: tuple[HeldCanary, ...]
    recent: tuple[Observation, ...]
    """Those that came since ..."""
    recent_n: int
    """... and how many there are now."""
    cycles: tuple[Cycle, ...]
    cycles_n: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Plan, or analyse."""

    analyse: bool
    diagnosis: Diagnosis
    seen: Seen


Request = Load | Reset | Ask


@dataclass(frozen=True, slots=True)
class Loaded:
    """The planner is ready."""

    pid: int
    name: str
    summary: str
    analyses: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """What it planned, of the right types but not held against the mesh."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What it made of the diagnosis; None leaves it."""

    diagnosis: Diagnosis | None


@dataclass(frozen=True, slots=True)
class Failed:
    """It did something wrong and lives on; the sentence goes on after the planner's name."""

    sentence: str


Reply = Loaded | Planned | Diagnosed | Failed


@dataclass(frozen=True, slots=True)
class Gone:
    """The host's word that the planner's process has ended, and all that it started."""

    status: int
    """The exit code, or minus the signal's number."""
    said: str
    """The end of what it printed."""
    dump: str
    """Where it was, as `faulthandler` tells; empty where that is not known."""
    too_many: bool
    """Whether it was killed for the number of processes that it had started."""


def send(channel: socket.socket, text: str) -> None:
    """Send one message."""
    body = text.encode()
    channel.sendall(len(body).to_bytes(_HEAD, "big") + body)


class Inbox:
    """Takes messages apart, however they come in."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, part: bytes) -> None:
        """Take what was read."""
        self._bytes += part

    def take(self, most_bytes: int) -> str | None:
        """The next whole message; None while there is none.

        Raises:
            ValueError: What came is no message, or longer than `most_bytes`.
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
