"""Free ports on the loopback interface."""

import random
import socket
import weakref
from collections import deque

LOOPBACK = "127.0.0.1"
# Below the range of outgoing connections, which could take a port between choice and use.
_FIRST, _LAST = 20_000, 31_999
# Enough time for the user of a port to listen; a replica that restarts for days must not use up the range.
_HELD = 64


def is_free(port: int) -> bool:
    """Whether a server could listen on that loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class PortPicker:
    """Picks free ports, and never one that a run on this machine was given lately.

    A UDP socket of the same number reserves a port; nobody misses it, and the system frees it whenever the
    program ends. Other programs do not know this: they may still take a port between choice and use.
    """

    def __init__(self, *, taken: int | None = None) -> None:
        """Never pick `taken`, which has another use."""
        self._taken = taken
        # Unseeded on purpose: two runs with the same seed must not pick the same ports.
        self._random = random.SystemRandom()
        self._held: deque[socket.socket] = deque()
        weakref.finalize(self, _close, self._held)

    def pick(self) -> int:
        """A free port that this picker has not given lately; raises OSError if there is none."""
        for _ in range(1000):
            port = self._random.randint(_FIRST, _LAST)
            if port != self._taken and is_free(port) and self._hold(port):
                return port
        raise OSError(f"no free port between {_FIRST} and {_LAST} on {LOOPBACK}")

    def _hold(self, port: int) -> bool:
        holder = socket.socket(type=socket.SOCK_DGRAM)
        try:
            holder.bind((LOOPBACK, port))
        except OSError:
            holder.close()
            return False
        self._held.append(holder)
        if len(self._held) > _HELD:
            self._held.popleft().close()
        return True


def _close(held: deque[socket.socket]) -> None:
    for holder in held:
        holder.close()
