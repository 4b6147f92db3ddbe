"""The planners in the files of a class, found without running any of their code."""

import ast
from pathlib import Path


def planner_in(given: str) -> str:
    """The planner's full name: a file alone gets the name of the one planner in it.

    The name of a file that has none, or several, or cannot be read is returned as it is: naming and loading
    it then fails in its own card.
    """
    file = Path(given)
    if file.suffix != ".py":
        return given
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return f"{given}:Planner"
    found: list[str] = []
    for each in tree.body:
        if isinstance(each, ast.ClassDef) and any(_is_planner(base, found) for base in each.bases):
            found.append(each.name)
    # The loader's sentence names the planners that the file has.
    return f"{given}:{found[0] if len(found) == 1 else 'Planner'}"


def _is_planner(base: ast.expr, found: list[str]) -> bool:
    name = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
    return name == "Planner" or name in found
