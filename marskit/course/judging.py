"""What an answer may be, and whether it is right."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from marskit.errors import UserError
from marskit.lab.inputs import checked_planner
from marskit.plugins.base import Planner


class CheckError(UserError):
    """An answer that cannot be checked; one sentence says why."""


class Judge(Protocol):
    """Says what is wrong with an answer."""

    def __call__(self, given: object) -> str | None:
        """None if it is right, a remark on it (possibly empty) if it is wrong.

        Raises:
            CheckError: It is of another type than the exercise asks for.
        """
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A number, right within a tolerance."""

    truth: Callable[[], float]
    unit: str
    tolerance_percent: float = 1.0

    def __call__(self, given: object) -> str | None:
        """See `Judge`."""
        plain = given.item() if hasattr(given, "item") and not isinstance(given, int | float) else given
        if isinstance(plain, bool) or not isinstance(plain, int | float) or not math.isfinite(plain):
            raise CheckError(f"The answer is a number, in {self.unit}; this is {_what(given)}.")
        truth = self.truth()
        return None if abs(plain - truth) <= abs(truth) * self.tolerance_percent / 100 else ""


@dataclass(frozen=True, slots=True)
class Name:
    """One name, exactly."""

    truth: Callable[[], str]
    of: str

    def __call__(self, given: object) -> str | None:
        """See `Judge`."""
        if not isinstance(given, str):
            raise CheckError(f"The answer is the name of {self.of}, a string; this is {_what(given)}.")
        return None if given == self.truth() else ""


@dataclass(frozen=True, slots=True)
class Several:
    """A set, exactly; the order does not count."""

    truth: Callable[[], Iterable[object]]
    of: str
    kind: type

    def __call__(self, given: object) -> str | None:
        """See `Judge`."""
        if not isinstance(given, set | frozenset | list | tuple):
            raise CheckError(f"The answer is a set of {self.of}; this is {_what(given)}.")
        odd = [each for each in given if not isinstance(each, self.kind)]
        if odd:
            raise CheckError(f"The answer is a set of {self.of}; {_what(odd[0])} is in it.")
        truth, mine = set(self.truth()), set(given)
        if mine == truth:
            return None
        missing, wrong = len(truth - mine), len(mine - truth)
        return f"{missing} missing, {wrong} too many."


@dataclass(frozen=True, slots=True)
class Function:
    """A function, by calling it."""

    wrong: Callable[[Callable[..., object]], str | None]

    def __call__(self, given: object) -> str | None:
        """See `Judge`."""
        if not callable(given) or isinstance(given, type):
            raise CheckError(f"The answer is the function itself, without brackets; this is {_what(given)}.")
        return self.wrong(given)


@dataclass(frozen=True, slots=True)
class Decider:
    """A planner, by running it."""

    wrong: Callable[[str | type[Planner]], str | None]

    def __call__(self, given: object) -> str | None:
        """See `Judge`."""
        if isinstance(given, str):
            file, colon, _ = given.rpartition(":")
            if colon and not Path(file).is_file():
                raise CheckError(f"There is no file {file}; run the cell that writes it first.")
            checked_planner(given)
            return self.wrong(given)
        if isinstance(given, type) and issubclass(given, Planner):
            return self.wrong(given)
        raise CheckError(f'The answer is a planner, as "FILE.py:CLASS" or a class; this is {_what(given)}.')


def _what(given: object) -> str:
    """The value in a few words."""
    if given is None or given is ...:
        return "nothing yet"
    text = repr(given)
    return f"{type(given).__name__} {text}" if len(text) <= 40 else f"of type {type(given).__name__}"
