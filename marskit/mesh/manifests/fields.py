"""Strict reading of parsed YAML or TOML: every value knows its path, so every error can name it."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar, overload

from marskit.mesh.manifests.values import LONGEST_DURATION_MS, parse_duration_ms

Path = tuple[str | int, ...]
"""Keys and list positions from the top of a document down to a value."""

Lack = tuple[str, str]
"""Kind and name of an object that is not there; an empty name stands for any of the kind."""

INT32 = 2**31 - 1
UINT32 = 2**32 - 1

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

T = TypeVar("T")
D = TypeVar("D")


class FieldError(Exception):
    """A wrong field: which one, what was found and what is allowed, but not in which file."""

    def __init__(self, path: Path, problem: str, *, lacks: Lack | None = None) -> None:
        """Take the object whose absence is the problem as `lacks`."""
        super().__init__(f"{show(path)} {problem}")
        self.path = path
        self.lacks = lacks


class ToldError(FieldError):
    """A part could not be read, for reasons that were collected already."""


def show(path: Path) -> str:
    """The path as people write it: `spec.http[0].route[1].weight`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("-", "").replace("_", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text or "the document"


def found(value: Any) -> str:
    """The value, short enough for a sentence."""
    if value is None:
        return "empty"
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= 60:
        return text
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"{text[:57]}..."


def suggestion(word: str, known: Collection[str]) -> str:
    """` (did you mean weight?)` or nothing."""
    close = get_close_matches(word, sorted(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


@dataclass(frozen=True, slots=True)
class Field:
    """One value and its path."""

    value: Any
    path: Path = ()
    told: list[FieldError] | None = field(default=None, compare=False, repr=False)
    """Collects what is wrong in the parts of the value; None raises the first instead."""

    def child(self, step: str | int, value: Any) -> "Field":
        """A part of the value."""
        return Field(value, (*self.path, step), self.told)

    def tell(self, error: FieldError) -> None:
        """Collect a complaint, or raise it where none are collected.

        A complaint about something whose parts are wrong already would only be a consequence of theirs.
        """
        if self.told is None:
            raise error
        length = len(error.path)
        if not isinstance(error, ToldError) and all(e.path[:length] != error.path for e in self.told):
            self.told.append(error)

    def error(self, allowed: str) -> FieldError:
        """The error that this value is not one of the allowed ones."""
        return FieldError(self.path, f"is {found(self.value)}, but must be {allowed}")

    def text(self) -> str:
        """A string that is not empty."""
        if isinstance(self.value, bool | int | float):
            raise self.error("a string: write it in quotes")
        if not isinstance(self.value, str) or not self.value:
            raise self.error("a string that is not empty")
        if "\0" in self.value:
            raise self.error("a string without NUL")
        if _SURROGATE.search(self.value):
            # JSON can write half of a pair, which no encoding has.
            raise self.error("a string of whole characters")
        return self.value

    def dns_name(self) -> str:
        """A name of an object or subset; checked strictly, because names become parts of file names."""
        if not _DNS_NAME.fullmatch(self.text()) or len(self.text()) > 253:
            raise self.error("a name of lower-case letters, digits, - and . that Kubernetes takes")
        return self.text()

    def any_text(self) -> str:
        """A string, possibly empty."""
        return "" if self.value == "" else self.text()

    def choice(self, *choices: str) -> str:
        """One of the given strings."""
        if self.value not in choices:
            raise self.error(f"one of {', '.join(choices)}")
        return str(self.value)

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.error("true or false")
        return self.value

    def integer(self, minimum: int = 0, maximum: int = INT32) -> int:
        """A whole number within bounds; as in JSON, `3e0` is one too."""
        value = self.value
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        is_number = isinstance(whole, int) and not isinstance(whole, bool)
        if not is_number or not minimum <= whole <= maximum:
            is_open = maximum == INT32 and not (is_number and whole > maximum)
            span = f"of {minimum} or more" if is_open else f"from {minimum} to {maximum}"
            raise self.error(f"a whole number {span}")
        return int(whole)

    def port(self) -> int:
        """A TCP port."""
        return self.integer(1, 65535)

    def number(self, minimum: float, maximum: float) -> float:
        """A number within bounds, both included."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise self.error(f"a number from {minimum:.9g} to {maximum:.9g}")
        return float(value)

    def duration_ms(self, minimum: int = 1, maximum: int = LONGEST_DURATION_MS) -> int:
        """A Go duration such as `1.5s`, in ms."""
        value = parse_duration_ms(self.value) if isinstance(self.value, str) else None
        if value is None or not minimum <= value <= maximum:
            allowed = f"a duration in whole ms, such as 1.5s or 100ms, of {minimum}ms or more"
            # A unit more would be the years of Go's longest duration, which nobody means.
            raise self.error(allowed + (f" and {maximum}ms or less" if maximum < LONGEST_DURATION_MS else ""))
        return value

    def items(self) -> tuple["Field", ...]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            raise self.error("a list")
        return tuple(self.child(index, item) for index, item in enumerate(self.value))

    def some(self, what: str) -> tuple["Field", ...]:
        """The entries of a non-empty list."""
        items = self.items()
        if not items:
            raise self.error(f"a list of at least one {what}")
        return items

    def each(self, read: Callable[["Field"], T], what: str | None = None) -> tuple[T, ...]:
        """The entries of a list as converted by `read`; with `what`, at least one."""
        return self._every(self.items() if what is None else self.some(what), read)

    def named(self, read: Callable[["Field"], T]) -> tuple[tuple[str, T], ...]:
        """The entries of a mapping with arbitrary keys, their values as converted by `read`."""
        entries = self.entries()
        values = self._every([item for _, item in entries], read)
        return tuple((key, value) for (key, _), value in zip(entries, values, strict=True))

    def _every(self, items: Sequence["Field"], read: Callable[["Field"], T]) -> tuple[T, ...]:
        values: list[T] = []
        for item in items:
            try:
                values.append(read(item))
            except FieldError as error:
                self.tell(error)
        if len(values) < len(items):
            raise ToldError(self.path, "has wrong entries")
        return tuple(values)

    def texts(self) -> tuple[str, ...]:
        """A list of strings."""
        return self.each(Field.text)

    def entries(self) -> tuple[tuple[str, "Field"], ...]:
        """The entries of a mapping with arbitrary keys."""
        if not isinstance(self.value, dict):
            raise self.error("a mapping")
        return tuple((key, self.child(key, item)) for key, item in self.value.items())

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """A mapping of strings to strings, such as labels."""
        return self.named(Field.any_text)

    def json(self) -> "Field":
        """The value encoded as a JSON string."""
        try:
            return Field(json.loads(self.text()), self.path, self.told)
        except json.JSONDecodeError as error:
            raise self.error(f"JSON ({error.msg} at character {error.pos + 1})") from None

    def fields(self, known: Collection[str], unsupported: Collection[str] = ()) -> "Fields":
        """The entries of a mapping with fixed keys; an empty value counts as missing.

        Args:
            known: The allowed keys.
            unsupported: Keys of Kubernetes or Istio that are refused by name.
        """
        children: dict[str, Field] = {}
        for key, item in self.entries():
            if item.value is None and key in known:
                continue
            names = ", ".join(sorted(known))
            if key in known:
                children[key] = item
            elif key in unsupported:
                problem = f"is not supported by marskit's local mesh; supported here: {names}"
                self.tell(FieldError(item.path, problem))
            else:
                problem = f"is not a field{suggestion(key, known)}; allowed here: {names}"
                self.tell(FieldError(item.path, problem))
        return Fields(self, children)


@dataclass(frozen=True, slots=True)
class Fields:
    """The entries of a mapping with checked keys."""

    parent: Field
    children: dict[str, Field]

    def __contains__(self, key: str) -> bool:
        return key in self.children

    @overload
    def take(self, key: str, read: Callable[[Field], T]) -> T | None: ...

    @overload
    def take(self, key: str, read: Callable[[Field], T], default: D) -> T | D: ...

    def take(self, key: str, read: Callable[[Field], T], default: D | None = None) -> T | D | None:
        """The value of `key` as converted by `read`, or the default if it is missing, or wrong and told."""
        child = self.children.get(key)
        if child is None:
            return default
        try:
            return read(child)
        except FieldError as error:
            self.parent.tell(error)
            return default

    def need(self, key: str, read: Callable[[Field], T]) -> T:
        """The value of `key` as converted by `read`; it is required."""
        child = self.children.get(key)
        if child is None:
            raise FieldError((*self.parent.path, key), "is missing")
        return read(child)

    def want(self, key: str, read: Callable[[Field], T], stand_in: D) -> T | D:
        """Like `need`, but what is wrong is told if possible and `stand_in` lets the reading go on."""
        try:
            return self.need(key, read)
        except FieldError as error:
            self.parent.tell(error)
            return stand_in

    def one_of(self, *keys: str) -> str | None:
        """The one of `keys` that is present; they exclude each other."""
        written = [key for key in keys if key in self.children]
        if len(written) > 1:
            problem = f"is not allowed beside {written[0]}; only one of them may be set"
            self.parent.tell(FieldError(self.children[written[1]].path, problem))
        return written[0] if written else None


def collected(value: Any, read: Callable[[Field], T]) -> tuple[T | None, tuple[FieldError, ...]]:
    """The value as converted by `read`, and everything that is wrong with it; the one or the other."""
    told: list[FieldError] = []
    root = Field(value, (), told)
    try:
        result = read(root)
    except FieldError as error:
        root.tell(error)
    else:
        if not told:
            return result, ()
    return None, tuple(told)
