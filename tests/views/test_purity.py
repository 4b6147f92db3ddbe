"""The views know no front end, and nothing is in them that no front end uses."""

import ast
import subprocess
import sys

from tests.paths import ROOT

FRONT_ENDS = ("rich", "textual", "ipywidgets", "polars", "httpx", "yaml", "psutil")


def test_importing_all_views_loads_no_front_end_and_nothing_heavy() -> None:
    modules = [f"marskit.views.{path.stem}" for path in (ROOT / "marskit/views").glob("*.py")]
    code = f"import sys, {', '.join(modules)}; print([m for m in {FRONT_ENDS!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_function_of_the_views_is_used() -> None:
    files = [p for folder in ("marskit", "tui") for p in (ROOT / folder).rglob("*.py")]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
    }
    made = {
        node.name
        for path, tree in trees.items()
        if path.parent.name == "views"
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert made
    assert made - used == set()
