"""Reads the text of TOML files, and finds the lines of their fields, which the parser does not tell."""

import re
import tomllib
from pathlib import Path
from typing import Any

from marskit.errors import Complaint

_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_LONGEST = 2_000
"""Lines of a file in which fields are looked for; each attempt parses the file's beginning again."""


def read_toml_text(file: Path, what: str) -> tuple[str, Complaint | None]:
    """The text of a TOML file, whether or not it begins with a byte order mark; or what is wrong with it.

    Args:
        file: The file.
        what: A noun for the file, such as "the scenario", for the sentence.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        return "", Complaint(f"{what} cannot be read: {error.strerror}", file)
    except UnicodeDecodeError as error:
        return "", Complaint(f"{what} is not TOML in UTF-8: {error}", file)
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        sentence = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        place = _PLACE.search(sentence)
        line = int(place[1]) if place and place[1] else text.count("\n") + 1 if place else None
        return "", Complaint(f"{what} is not TOML: {_PLACE.sub('', sentence)}", file, line)
    return text, None


def line_of(text: str, path: tuple[str | int, ...]) -> int | None:
    """The line, from 1, at which a field of valid TOML begins, or its nearest present ancestor.

    The field begins after the longest beginning of the file that is valid without it.
    """
    lines = text.splitlines(keepends=True)[:_LONGEST]
    begun: list[int | None] = [None] * len(path)
    valid = 0
    for count in range(1, len(lines) + 1):
        try:
            content = tomllib.loads("".join(lines[:count]))
        except ValueError:
            continue
        depth = _depth(content, path)
        for level in range(depth):
            if begun[level] is None:
                begun[level] = _first_used(lines, valid) + 1
        valid = count
        if depth == len(path):
            break
    return next((line for line in reversed(begun) if line is not None), None)


def _depth(content: Any, path: tuple[str | int, ...]) -> int:
    """How many steps of the path are present."""
    for depth, step in enumerate(path):
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def _first_used(lines: list[str], start: int) -> int:
    """The first line from `start` on that is neither empty nor a comment."""
    used = (n for n in range(start, len(lines)) if lines[n].strip() and not lines[n].lstrip().startswith("#"))
    return next(used, start)
