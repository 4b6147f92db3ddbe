"""Free ports on the loopback interface."""

import random
import socket
from collections import deque

LOOPBACK = "127.0.0.1"
# Below the range of outgoing connections, which would take a port between choice and use.
_FIRST, _LAST = 20_000, 31_999
# Enough for whoever got one to be listening; a replica that restarts for days must not use up the range.
_REMEMBERED = 1000


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
    """Hands out ports that are free now, none twice in a row of several runs side by side.

    Another program may still take a port between choice and use: whoever uses one must be ready to ask again.
    """

    def __init__(self, *, taken: int | None = None) -> None:
        """Never give `taken`, which somebody else will use."""
        self._taken = taken
        # Unseeded on purpose: two runs with the same seed must not reach for the same ports.
        self._random = random.SystemRandom()
        self._given: deque[int] = deque(maxlen=_REMEMBERED)

    def pick(self) -> int:
        """A free port that this picker has not given lately; raises OSError when there is none."""
        for _ in range(1000):
            port = self._random.randint(_FIRST, _LAST)
            if port != self._taken and port not in self._given and is_free(port):
                self._given.append(port)
                return port
        raise OSError(f"no free port between {_FIRST} and {_LAST} on {LOOPBACK}")
