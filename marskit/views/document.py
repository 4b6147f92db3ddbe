"""A small document that every front end can draw: headings, sentences, tables and code."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.views.controls import Hint
from marskit.views.tone import Tone


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of the blocks that follow."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line of prose, wrapped to the width."""

    text: str
    tone: Tone = Tone.PLAIN
    symbol: str = ""
    """Precedes the first line; the other lines are indented by its width."""
    symbol_tone: Tone | None = None
    """The tone of the symbol if it differs from the text's."""
    hints: tuple[Hint, ...] = ()
    """What a person can do about it."""


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
    """The kind of a code block."""

    COMMAND = "command"
    DIFF = "diff"


@dataclass(frozen=True, slots=True)
class Code:
    """A command to type, or a diff, shown verbatim."""

    text: str
    language: Language


Block = Heading | Sentence | Table | Code
Document = tuple[Block, ...]
