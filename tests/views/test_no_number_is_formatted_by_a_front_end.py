"""Front ends draw what the views say: no number is formatted in them, so that none can differ."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

FRONT_ENDS = ("tui", "marskit/widgets")
GEOMETRY = ("tui/drawing/cells.py", "marskit/widgets/geometry.py")
"""The only files that may round and format: places on the screen, in cells and in pixels."""
NUMBERS = ("abs", "float", "int", "len", "max", "min", "round", "sum")
"""Built-in functions whose result is a number, which no text may contain as it is."""


def findings(tree: ast.AST) -> Iterator[str]:
    """Every place in which a number is made text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue):
            if node.format_spec is not None:
                yield f"{node.lineno}: a format spec"
            elif _is_number(node.value):
                yield f"{node.lineno}: a number in a text"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_text(node.left):
            yield f"{node.lineno}: %"
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("round", "format") or (name == "str" and not _is_error(node)):
                yield f"{node.lineno}: {name}()"


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in NUMBERS
    if isinstance(node, ast.BinOp):
        return not _is_text(node.left) and not _is_text(node.right)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_error(call: ast.Call) -> bool:
    """An exception's own sentence was made elsewhere; so was a path's text."""
    return len(call.args) == 1 and isinstance(call.args[0], ast.Name) and call.args[0].id in ("error", "path")


def _files() -> list[Path]:
    files = [path for folder in FRONT_ENDS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in files if str(path.relative_to(ROOT)) not in GEOMETRY]


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_number_is_formatted_in(path: Path) -> None:
    assert list(findings(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "code",
    [
        'f"{x:.1f}"',
        'f"{x:g}"',
        'f"{x:>{width}}"',
        '"%.1f" % x',
        '"{:g}".format(x)',
        "format(x, 'g')",
        "round(x, 1)",
        "str(x)",
        'f"{len(rows) - 1}"',
        'f"{len(rows)}"',
        'f"{x / 1000} s"',
    ],
)
def test_a_number_that_is_formatted_is_found(code: str) -> None:
    assert list(findings(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ['f"{view.text} "', "str(error)", "f'{_ }'.strip()", "x % 3", "name.rjust(5)"]
)
def test_text_that_is_arranged_is_allowed(code: str) -> None:
    assert not list(findings(ast.parse(code)))
