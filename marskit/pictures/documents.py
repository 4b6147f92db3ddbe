"""Documents as text and as HTML."""

from html import escape
from typing import assert_never

from marskit.pictures.tones import FONT, MONO, span
from marskit.views.document import Block, Code, Document, Heading, Sentence, Table

_CODE = f"{MONO}; margin: 2px 0 6px 0; padding: 4px 8px; border-left: 2px solid; overflow-x: auto"
_CELL = "padding: 1px 10px 1px 0"


def document_text(document: Document) -> str:
    """The document as lines of text."""
    return "\n".join(line for block in document for line in _lines(block))


def document_html(document: Document) -> str:
    """The document as HTML, without a script or a style sheet."""
    return f'<div style="{FONT}; color: inherit">{"".join(_html(block) for block in document)}</div>'


def _lines(block: Block) -> list[str]:
    match block:
        case Heading(text):
            return ["", text]
        case Sentence(text, symbol=symbol):
            return [f"{symbol} {text}" if symbol else text]
        case Code(text):
            return [f"    {line}" for line in text.splitlines()]
        case Table(columns, rows):
            cells = [list(columns), *([cell.text for cell in row] for row in rows)]
            widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
            return [
                "  ".join(
                    text.rjust(width) if n else text.ljust(width)
                    for n, (text, width) in enumerate(zip(row, widths, strict=True))
                ).rstrip()
                for row in cells
            ]
        case _:
            assert_never(block)


def _html(block: Block) -> str:
    match block:
        case Heading(text):
            return f'<div style="font-weight: 600; margin-top: 6px">{escape(text)}</div>'
        case Sentence(text, tone, symbol, symbol_tone):
            mark = f"{span(symbol, symbol_tone or tone)} " if symbol.strip() else ""
            return f"<div>{mark}{span(text, tone)}</div>"
        case Code(text):
            return f'<pre style="{_CODE}">{escape(text)}</pre>'
        case Table():
            return table_html(block)
        case _:
            assert_never(block)


def table_html(table: Table) -> str:
    """The table as HTML."""
    head = "".join(_cell("th", escape(name), n) for n, name in enumerate(table.columns))
    rows = "".join(
        f"<tr>{''.join(_cell('td', span(cell.text, cell.tone), n) for n, cell in enumerate(row))}</tr>"
        for row in table.rows
    )
    return (
        '<table style="border-collapse: collapse; margin: 4px 0; color: inherit; background: none">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cell(kind: str, content: str, column: int) -> str:
    faint = "; opacity: 0.65; font-weight: 400" if kind == "th" else ""
    side = "right" if column else "left"
    return f'<{kind} style="{_CELL}; text-align: {side}; background: none{faint}">{content}</{kind}>'
