"""Any record of the domain, whether or not its parts fit together."""

import dataclasses
import types
import typing
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from marskit.domain.state import State

NAMES = ("orders", "payments", "recommendations-food", "recommendations", "unknown", "")
TIMES = st.floats(0, 3600, allow_nan=False)


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type as the domain uses types."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*(of(arg) for arg in args))
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return st.lists(of(args[0]), max_size=2).map(tuple)
        return st.tuples(*(of(arg) for arg in args))
    if kind is type(None):
        return st.none()
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(0, 1000)
    if kind is float:
        return st.one_of(st.just(0.0), st.floats(0, 1e6, allow_nan=False), TIMES)
    if kind is str:
        return st.one_of(st.sampled_from(NAMES), st.just("A sentence that is longer than a line. " * 3))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    assert isinstance(kind, type), kind
    assert dataclasses.is_dataclass(kind), kind
    hints = get_type_hints(kind)
    fields = [f.name for f in dataclasses.fields(kind)]
    return st.deferred(lambda: st.builds(kind, **{name: of(hints[name]) for name in fields}))


STATES: st.SearchStrategy[State] = of(State)
