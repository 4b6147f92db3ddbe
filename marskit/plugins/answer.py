"""Converts a planner's answer to a record of exactly the declared types, or refuses it in one sentence."""

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from operator import index
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate, Plan
from marskit.plugins.base import Planner

_ALLOWED = "None, an action, a list of actions or a Plan"
_ACTIONS = get_args(Action)
_MOST_BITS = 63
"""Largest size of an integer without its sign, in bits: records hold 64-bit integers."""
MOST_ITEMS = 1000
"""Largest number of items in any list; `controller.plan_check` sets the tighter limits of a plan."""


class WrongAnswer(Exception):
    """The planner returned something that is not allowed; the message continues after the planner's name."""


def plan_of(found: object, planner: Planner, name: str) -> Plan:
    """Convert an answer to a plan; fields that the loop fills in later stay empty.

    Args:
        found: What `planner.plan` returned.
        planner: The planner that returned it; its explanation is used and cleared.
        name: The name by which the planner was chosen.

    Raises:
        WrongAnswer: A planner may not return this value.
    """
    reason, planner._explained = planner._explained, ""
    if not isinstance(reason, str):
        raise WrongAnswer(f"gave {_shown(reason)} as its explanation, where text is allowed")
    if isinstance(found, Plan):
        plan: Plan = _exactly(found, Plan, "Plan")
        candidates = tuple(replace(each, prediction=None) for each in plan.candidates)
        return Plan(name, candidates, plan.proposed, plan.reason)
    if found is None:
        actions: tuple[Action, ...] = ()
    elif isinstance(found, _ACTIONS):
        actions = (_exactly(found, Action, type(found).__name__),)
    elif isinstance(found, list | tuple):
        if len(found) > MOST_ITEMS:
            raise WrongAnswer(f"returned {len(found)} actions, where {MOST_ITEMS} are allowed")
        actions = tuple(_exactly(each, Action, f"action {n}") for n, each in enumerate(found, 1))
    else:
        raise WrongAnswer(f"returned {_shown(found)}; {_ALLOWED} is allowed")
    reason = reason or ("No reason given." if actions else "No action proposed.")
    return Plan(name, (Candidate(actions, reason),), actions, reason)


def diagnosis_of(found: object) -> Diagnosis | None:
    """Check the answer of `analyse`; None means no change.

    Raises:
        WrongAnswer: The answer is neither a diagnosis nor None.
    """
    if found is None:
        return None
    if not isinstance(found, Diagnosis):
        raise WrongAnswer(f"returned {_shown(found)} from analyse; None or a Diagnosis is allowed")
    checked: Diagnosis = _exactly(found, Diagnosis, "Diagnosis")
    return checked


class _Wrong(Exception):
    def __init__(self, found: object, expected: str) -> None:
        super().__init__(expected)
        self.found = found
        self.expected = expected
        self.place: list[str] = []


def _exactly(value: object, kind: Any, what: str) -> Any:
    try:
        return _converter(kind)(value)
    except _Wrong as wrong:
        place = "".join(reversed(wrong.place))
        raise WrongAnswer(
            f"returned {_shown(wrong.found)} as {what}{place}, where {wrong.expected} is allowed"
        ) from None


_Convert = Callable[[Any], Any]


@cache
def _converter(kind: Any) -> _Convert:
    """A function that converts a value, such as a NumPy integer, to the declared type."""
    if kind in (int, float, str, bool, NoneType):
        return {int: _int, float: _float, str: _str, bool: _bool, NoneType: _none}[kind]
    if get_origin(kind) in (Union, UnionType):
        return _union(get_args(kind))
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    return _record(kind)


def _int(value: object) -> int:
    if isinstance(value, bool):
        raise _Wrong(value, "a whole number")
    try:
        number = index(value)  # type: ignore[arg-type] # this tests whether it is an integer
    except TypeError:
        raise _Wrong(value, "a whole number") from None
    if number.bit_length() > _MOST_BITS:
        raise _Wrong(value, "a whole number of 64 bits")
    return number


def _float(value: Any) -> float:
    # NumPy's numbers are not instances of int, and only float64 is one of float.
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise _Wrong(value, "a number")
    try:
        number = float(value)
    except Exception:
        raise _Wrong(value, "a number") from None
    if not math.isfinite(number):
        raise _Wrong(value, "a finite number")
    return number


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong(value, "text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Wrong(value, "text without lone surrogates") from None
    return str(value)


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(value, "True or False")
    return value


def _none(value: object) -> None:
    if value is not None:
        raise _Wrong(value, "None")


def _enum(kind: type[Enum]) -> _Convert:
    def convert(value: object) -> Enum:
        if not isinstance(value, kind):
            raise _Wrong(value, f"a {kind.__name__}")
        return value

    return convert


def _union(members: tuple[Any, ...]) -> _Convert:
    records: dict[type, _Convert] = {
        member: _converter(member) for member in members if isinstance(member, type) and is_dataclass(member)
    }
    plain = [_converter(member) for member in members if member not in records and member is not NoneType]
    expected = ", ".join(record.__name__ for record in records)

    def convert(value: object) -> Any:
        if value is None and NoneType in members:
            return None
        if plain:
            return plain[0](value)
        for record, converter in records.items():
            if isinstance(value, record):
                return converter(value)
        raise _Wrong(value, f"a {expected}" if len(records) == 1 else f"one of {expected}")

    return convert


def _tuple(items: tuple[Any, ...]) -> _Convert:
    several = len(items) == 2 and items[1] is Ellipsis
    converters = [_converter(item) for item in items if item is not Ellipsis]

    def convert(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _Wrong(value, "a tuple")
        if len(value) > MOST_ITEMS:
            raise _Wrong(value[:2], f"a tuple of at most {MOST_ITEMS}")
        if not several and len(value) != len(converters):
            raise _Wrong(value, f"a tuple of {len(converters)}")
        made: list[Any] = []
        for n, item in enumerate(value):
            try:
                made.append(converters[0 if several else n](item))
            except _Wrong as wrong:
                wrong.place.append(f"[{n}]")
                raise
        return tuple(made)

    return convert


def _record(kind: Any) -> _Convert:
    hints = get_type_hints(kind)
    converters = {field.name: _converter(hints[field.name]) for field in fields(kind)}

    def convert(value: object) -> Any:
        if not isinstance(value, kind):
            raise _Wrong(value, f"a {kind.__name__}")
        made: dict[str, Any] = {}
        for name, converter in converters.items():
            try:
                made[name] = converter(getattr(value, name))
            except _Wrong as wrong:
                wrong.place.append(f".{name}")
                raise
        # A new record, because a subclass could override behaviour.
        return kind(**made)

    return convert


def _shown(value: object) -> str:
    """The value in at most 60 characters; its `repr` is the planner's code and may fail."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
