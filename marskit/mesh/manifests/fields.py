"""Strict reading of parsed YAML or TOML: every value knows its path, so every error can name it."""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, overload

from marskit.mesh.manifests.values import parse_duration_ms

Path = tuple[str | int, ...]
"""Keys and list positions from the top of a document down to a value."""

_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

T = TypeVar("T")
D = TypeVar("D")


class FieldError(Exception):
    """A wrong field: which one, what was found and what is allowed, but not in which file."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{show(path)} {problem}")
        self.path = path


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

    def integer(self, minimum: int = 0, maximum: int | None = None) -> int:
        """A whole number within bounds."""
        span = f"of {minimum} or more" if maximum is None else f"from {minimum} to {maximum}"
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(f"a whole number {span}")
        if value < minimum or (maximum is not None and value > maximum):
            raise self.error(f"a whole number {span}")
        return value

    def port(self) -> int:
        """A TCP port."""
        return self.integer(1, 65535)

    def number(self, minimum: float, maximum: float) -> float:
        """A number within bounds, both included."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise self.error(f"a number from {minimum:.9g} to {maximum:.9g}")
        return float(value)

    def duration_ms(self, minimum: int = 1) -> int:
        """A Go duration such as `1.5s`, in ms."""
        value = parse_duration_ms(self.value) if isinstance(self.value, str) else None
        if value is None or value < minimum:
            raise self.error(f"a duration in whole ms, such as 1.5s or 100ms, of {minimum}ms or more")
        return value

    def items(self) -> tuple["Field", ...]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            raise self.error("a list")
        return tuple(Field(item, (*self.path, i)) for i, item in enumerate(self.value))

    def some(self, what: str) -> tuple["Field", ...]:
        """The entries of a non-empty list."""
        items = self.items()
        if not items:
            raise self.error(f"a list of at least one {what}")
        return items

    def texts(self) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(item.text() for item in self.items())

    def entries(self) -> tuple[tuple[str, "Field"], ...]:
        """The entries of a mapping with arbitrary keys."""
        if not isinstance(self.value, dict):
            raise self.error("a mapping")
        return tuple((key, Field(item, (*self.path, key))) for key, item in self.value.items())

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """A mapping of strings to strings, such as labels."""
        return tuple((key, item.any_text()) for key, item in self.entries())

    def json(self) -> "Field":
        """The value encoded as a JSON string."""
        try:
            return Field(json.loads(self.text()), self.path)
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
            if key in unsupported:
                raise FieldError(
                    item.path,
                    f"is not supported by marskit's local mesh; supported here: {', '.join(sorted(known))}",
                )
            if key not in known:
                raise FieldError(
                    item.path,
                    f"is not a field{suggestion(key, known)}; allowed here: {', '.join(sorted(known))}",
                )
            children[key] = item
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
        """The value of `key` as converted by `read`, or the default if it is missing."""
        child = self.children.get(key)
        return default if child is None else read(child)

    def need(self, key: str, read: Callable[[Field], T]) -> T:
        """The value of `key` as converted by `read`; it is required."""
        child = self.children.get(key)
        if child is None:
            raise FieldError((*self.parent.path, key), "is missing")
        return read(child)

    def one_of(self, *keys: str) -> str | None:
        """The one of `keys` that is present; they exclude each other."""
        written = [key for key in keys if key in self.children]
        if len(written) > 1:
            raise FieldError(
                self.children[written[1]].path,
                f"is not allowed beside {written[0]}; only one of them may be set",
            )
        return written[0] if written else None
