"""The examples in the docstrings of the library for people are true."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import marskit.lab as room
from marskit.lab.named import close_all

pytestmark = pytest.mark.notebook

MODULES = [name for _, name, _ in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        failed, _ = doctest.testmod(importlib.import_module(module))
    finally:
        close_all()
    assert not failed


def test_the_public_classes_and_functions_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {
        test.name
        for module in MODULES
        for test in finder.find(importlib.import_module(module))
        if test.examples
    }
    wanted = (
        "lab.Lab",
        "turns.Turns.step",
        "turns.Turns.run",
        "lab.Lab.frame",
        "acts.Acts.act",
        "acts.Acts.what_if",
    )
    more = ("acts.Acts.act", "acts.Acts.what_if", "acts.Acts.slow", "replaying.Replay", "comparing.compare")
    assert {f"{room.__name__}.{name}" for name in (*wanted, *more)} <= found
