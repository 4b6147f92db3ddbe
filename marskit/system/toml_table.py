"""Reads TOML tables strictly; errors name file and field, what was found and what is allowed."""

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Never, TypeVar

from marskit.errors import Complaint, InputError
from marskit.system.toml_text import line_of, read_toml_text

T = TypeVar("T")
D = TypeVar("D")

LARGEST = 1_000_000.0
"""Default upper limit of a number; a larger one is a typing error."""


def read_toml(path: Path, what: str, error: type[InputError]) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.
        what: A noun for the file, such as "the scenario", for the error's sentence.
        error: The exception to raise if the file cannot be read or is not TOML.
    """
    text, problem = read_toml_text(path, what)
    if problem is not None:
        raise error(problem)
    return tomllib.loads(text)


class TomlTable:
    """One TOML table, read field by field; `close` refuses fields that were not read."""

    def __init__(self, file: Path, name: str, data: Mapping[str, object], error: type[InputError]) -> None:
        """`name` is the table's dotted name in the file; empty for the file itself."""
        self._file = file
        self._name = name
        self._data = data
        self._error = error
        self._path: tuple[str | int, ...] = ()
        self._heard: list[Complaint] = []
        self._asked: list[str] = []

    def close(self) -> None:
        """Refuse fields that no reader used."""
        for key in self._data:
            if key not in self._asked:
                self.fail(key, f"is not a known field; known here: {', '.join(self._asked)}")

    def fail(self, key: str, complaint: str) -> Never:
        """Raise the error that names file, line and field."""
        text, _ = read_toml_text(self._file, "")
        line = line_of(text, (*self._path, key))
        raise self._error(Complaint(f"{self._dotted(key)} {complaint}", self._file, line))

    def hear(self, read: Callable[[], T], stand_in: D) -> T | D:
        """What `read` returns; if it fails, the stand-in, and the file is refused in the end."""
        try:
            return read()
        except self._error as error:
            self._heard += error.complaints
            return stand_in

    def refuse(self) -> None:
        """Raise all complaints that were heard, in the order of lines."""
        if self._heard:
            raise self._error(*sorted(dict.fromkeys(self._heard), key=lambda each: each.line or 0))

    def has(self, key: str) -> bool:
        """Whether the field is present."""
        self._ask(key)
        return key in self._data

    def value(self, key: str, allowed: str) -> object:
        """The raw field, which must be present."""
        self._ask(key)
        if key not in self._data:
            self.fail(key, f"is missing; it must be {allowed}")
        return self._data[key]

    def number(
        self, key: str, *, above: float | None = None, at_least: float = 0.0, at_most: float = LARGEST
    ) -> float:
        """A finite number within the bounds; `above` excludes its bound and replaces `at_least`."""
        if above is None:
            allowed = f"a number from {at_least:g} to {at_most:.10g}"
        else:
            allowed = f"a number above {above:g} and at most {at_most:.10g}"
        found = self.value(key, allowed)
        if not isinstance(found, int | float) or isinstance(found, bool) or not math.isfinite(found):
            self._mismatch(key, found, allowed)
        if found > at_most or (found < at_least if above is None else found <= above):
            self._mismatch(key, found, allowed)
        return float(found)

    def integer(self, key: str, *, at_least: int, at_most: int) -> int:
        """A whole number within the bounds."""
        allowed = f"a whole number from {at_least} to {at_most}"
        found = self.value(key, allowed)
        if not isinstance(found, int) or isinstance(found, bool) or not at_least <= found <= at_most:
            self._mismatch(key, found, allowed)
        return found

    def integers(self, key: str, *, at_least: int, at_most: int) -> tuple[int, ...]:
        """A list of whole numbers within the bounds, not empty."""
        allowed = f"a list of whole numbers from {at_least} to {at_most}"
        found = self.value(key, allowed)
        if not isinstance(found, list) or not found:
            self._mismatch(key, found, allowed)
        for item in found:
            if not isinstance(item, int) or isinstance(item, bool) or not at_least <= item <= at_most:
                self._mismatch(key, found, allowed)
        return tuple(found)

    def text(self, key: str) -> str:
        """A string of one line, not empty."""
        allowed = "a text of one line"
        found = self.value(key, allowed)
        if not isinstance(found, str) or not found or not found.isprintable():
            self._mismatch(key, found, allowed)
        return found

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of the strings given."""
        allowed = f"one of {', '.join(choices)}"
        found = self.value(key, allowed)
        if not isinstance(found, str) or found not in choices:
            self._mismatch(key, found, allowed)
        return found

    def table(self, key: str) -> "TomlTable":
        """A nested table."""
        found = self.value(key, "a table")
        if not isinstance(found, dict):
            self._mismatch(key, found, "a table")
        return self._part(self._dotted(key), found, key)

    def tables(self, key: str) -> tuple["TomlTable", ...]:
        """A list of tables, `[[key]]` in the file, at least one."""
        allowed = f"one or more [[{key}]] tables"
        found = self.value(key, allowed)
        if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
            self._mismatch(key, found, allowed)
        return tuple(
            self._part(f"{self._dotted(key)}[{position}]", item, key, position)
            for position, item in enumerate(found)
        )

    def _part(self, name: str, data: Mapping[str, object], *path: str | int) -> "TomlTable":
        part = TomlTable(self._file, name, data, self._error)
        part._path, part._heard = (*self._path, *path), self._heard
        return part

    def items(self) -> tuple[tuple[str, object], ...]:
        """All fields, for a table with arbitrary keys."""
        self._asked.extend(self._data)
        return tuple(self._data.items())

    def _ask(self, key: str) -> None:
        if key not in self._asked:
            self._asked.append(key)

    def _dotted(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _mismatch(self, key: str, found: object, allowed: str) -> Never:
        self.fail(key, f"is {_shown(found)}; it must be {allowed}")


def _shown(found: object) -> str:
    text = f'"{found}"' if isinstance(found, str) else repr(found)
    return text if len(text) <= 60 else f"{text[:60]}…"
