"""A short hash of a whole state that is the same in any process, live or in replay."""

import json
from dataclasses import fields
from enum import Enum
from functools import cache
from hashlib import blake2b
from typing import Any

from marskit.domain.events import Event
from marskit.domain.state import CycleInProgress, State

SHORT = 8
"""Number of digits shown to a person."""
_BYTES = 16
_SHALLOW = (State, CycleInProgress)
"""Types that nearly every event rebuilds from unchanged parts: only their parts are worth caching."""


class Fingerprints:
    """Hashes states of one run; the parts that states share are hashed once.

    A record's hash is that of its canonical JSON, a state's is that of its parts' hashes, so that the next
    state costs little more than the event's own content. All hashed parts are kept.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, bytes]] = {}

    def of(self, state: State) -> str:
        """The state's hash, 32 hexadecimal digits."""
        return self._digest(state).hex()

    def learn(self, event: Event) -> None:
        """Hash an event's content in advance, before a state that contains it is needed at once."""
        for part in _parts(event):
            self._digest(part)

    def _digest(self, value: object) -> bytes:
        if isinstance(value, tuple):
            return blake2b(b"".join(map(self._digest, value)), digest_size=_BYTES).digest()
        if isinstance(value, _SHALLOW):
            return self._digest(_parts(value))
        if value is None or isinstance(value, (str, int, float)):
            return _hashed(value)
        known = self._known.get(id(value))
        if known is None:
            # The value itself is kept too, so that no other value can get its id.
            known = self._known[id(value)] = (value, _hashed(value))
        return known[1]


def _hashed(value: object) -> bytes:
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=_BYTES).digest()


def _plain(value: Any) -> Any:
    """What JSON has, with every record led by its class, and every number as a float.

    An integer where a float is expected equals that float, and must have its hash.
    """
    kind = type(value)
    if kind is float or kind is int:
        return float(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is tuple:
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return [kind.__name__, *map(_plain, _parts(value))]


def _parts(record: object) -> tuple[object, ...]:
    kind: Any = type(record)
    return tuple(getattr(record, name) for name in _names(kind))


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
