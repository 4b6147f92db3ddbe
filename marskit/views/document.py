"""A small document that every front end can draw: headings, sentences, tables and code."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.views.tone import Tone


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of what follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line of prose, wrapped where the space ends."""

    text: str
    tone: Tone = Tone.PLAIN
    symbol: str = ""
    """Stands before the first line; the others are indented by it."""
    symbol_tone: Tone | None = None
    """The tone of the symbol where it is not that of the text."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; the first column is text, the others are numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class Language(StrEnum):
    """What a piece of code is."""

    COMMAND = "command"
    DIFF = "diff"


@dataclass(frozen=True, slots=True)
class Code:
    """A command to type or a difference to read, kept as it is."""

    text: str
    language: Language


Block = Heading | Sentence | Table | Code
Document = tuple[Block, ...]
