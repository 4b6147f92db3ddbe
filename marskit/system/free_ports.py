"""Free ports on the loopback interface."""

import random
import socket
import weakref
from collections import deque

LOOPBACK = "127.0.0.1"
# Below the range of outgoing connections, which would take a port between choice and use.
_FIRST, _LAST = 20_000, 31_999
# Enough for whoever got one to be listening; a replica that restarts for days must not use up the range.
_HELD = 64


def is_free(port: int) -> bool:
    """Whether a server could listen on that port of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class PortPicker:
    """Hands out ports that are free now, and never one that any run on this machine was given lately.

    A port stays held by a UDP socket of the same number, which nobody misses and which the system takes back
    whenever the program ends. Other programs do not ask: they may still take it between choice and use.
    """

    def __init__(self, *, taken: int | None = None) -> None:
        """Never give `taken`, which somebody else will use."""
        self._taken = taken
        # Unseeded on purpose: two runs with the same seed must not reach for the same ports.
        self._random = random.SystemRandom()
        self._held: deque[socket.socket] = deque()
        weakref.finalize(self, _close, self._held)

    def pick(self) -> int:
        """A free port that this picker has not given lately; raises OSError when there is none."""
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
