"""Lays out a document of the views in rows of a given width."""

import textwrap
from typing import assert_never

from marskit.tui.drawing.rows import Row, clip
from marskit.tui.key_names import with_hints
from marskit.views.document import Block, Code, Document, Heading, Language, Sentence, Table


def document_rows(document: Document, width: int) -> list[Row]:
    """The whole document; sentences wrap, tables lose their last columns, code is cut."""
    rows: list[Row] = []
    for index, block in enumerate(document):
        if index and _apart(document[index - 1], block):
            rows.append(())
        rows += [clip(row, width) for row in _block(block, width)]
    return rows


def _apart(before: Block, block: Block) -> bool:
    return isinstance(block, Heading | Table) and not isinstance(before, Heading)


def _block(block: Block, width: int) -> list[Row]:
    match block:
        case Heading(text):
            return [((text, "heading"),)]
        case Sentence(text, tone, symbol, symbol_tone, hints):
            lead = f"{symbol} " if symbol else ""
            lines = textwrap.wrap(with_hints(text, hints), max(4, width - len(lead))) or [""]
            first: Row = ((lead, symbol_tone or tone), (lines[0], tone))
            return [first, *(((" " * len(lead), "plain"), (line, tone)) for line in lines[1:])]
        case Table():
            return _table(block, width)
        case Code(text, language):
            return _command(text, width) if language is Language.COMMAND else _diff(text)
        case _:
            assert_never(block)


def _command(text: str, width: int) -> list[Row]:
    wrapped = textwrap.wrap(text, max(4, width - 4), break_on_hyphens=False) or [""]
    first: Row = (("$ ", "dim"), (wrapped[0], "code"))
    return [first, *((("    ", "dim"), (line, "code")) for line in wrapped[1:])]


def _diff(text: str) -> list[Row]:
    return [(("  ", "dim"), (line, _diff_role(line))) for line in text.splitlines()]


def _diff_role(line: str) -> str:
    if line.startswith(("+++", "---")):
        return "dim"
    return {"+": "added", "-": "removed", "@": "accent"}.get(line[:1], "dim")


def _table(table: Table, width: int) -> list[Row]:
    columns = range(len(table.columns))
    widths = [max(len(row[c].text) for row in (*table.rows, ()) if row) if table.rows else 0 for c in columns]
    widths = [max(w, len(name)) for w, name in zip(widths, table.columns, strict=True)]
    shown = [c for c in columns if sum(widths[: c + 1]) + 2 * c <= width] or [0]
    rows: list[Row] = [tuple((_aligned(table.columns[c], widths[c], c), "dim") for c in shown)]
    rows += [tuple((_aligned(row[c].text, widths[c], c), row[c].tone) for c in shown) for row in table.rows]
    return rows


def _aligned(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column == 0 else "  " + text.rjust(width)
