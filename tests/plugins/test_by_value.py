"""A planner given as a class: what its name is, and how one without a file gets to its process."""

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from marskit.agents.hpa import Hpa
from marskit.agents.registry import UnknownPlanner, parse_name
from marskit.agents.sources import BY_VALUE, MAIN, source_of
from marskit.plugins.base import Planner
from marskit.plugins.by_value import NotAPlanner, planner_name
from marskit.plugins.foreign import ForeignPlanner
from marskit.plugins.load import load_class
from tests.paths import ROOT
from tests.plugins.test_foreign import USUAL, asked

IN_A_FILE = """
import marskit

class Mine(marskit.Planner):
    pass
"""


def local_planner(reason: str) -> type[Planner]:
    class Local(Planner):
        """Says what it was given."""

        def plan(self, diagnosis: object, view: object) -> None:
            self.explain(reason)

    return Local


def test_a_class_that_exists_nowhere_else_travels_with_what_it_uses() -> None:
    name = planner_name(local_planner("for the first time"))
    assert name == f"{MAIN}:Local"
    assert parse_name(name) == (name, ())
    source = source_of(name)
    assert source is not None
    planner = ForeignPlanner(source, name, 7, USUAL)
    try:
        # A class of the same name takes its place for those who ask later, and not for this one.
        assert planner_name(local_planner("for the second time")) == name
        later = source_of(name)
        assert later is not None
        assert later.file != source.file
        assert planner.plan(*asked()).reason == "for the first time"
        planner.reset(8)
        assert planner.plan(*asked()).reason == "for the first time"
    finally:
        planner.close()
    assert planner.summary == "Says what it was given."
    assert load_class(later)().plan is not None


def test_the_same_class_is_written_once() -> None:
    cls = local_planner("once")
    assert planner_name(cls) == planner_name(cls)
    first = source_of(planner_name(cls))
    assert first == source_of(planner_name(cls))


def test_a_class_of_a_file_is_named_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_a_file.py").write_text(IN_A_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    module: ModuleType = importlib.import_module("of_a_file")
    try:
        assert planner_name(module.Mine) == f"{tmp_path}/of_a_file.py:Mine"
        monkeypatch.chdir(tmp_path)
        assert planner_name(module.Mine) == "of_a_file.py:Mine"
        assert planner_name("of_a_file.py:Mine") == "of_a_file.py:Mine"
    finally:
        del sys.modules["of_a_file"]


def test_what_is_no_planner_or_cannot_travel_is_refused_in_one_sentence() -> None:
    lock = threading.Lock()

    class Holder(Planner):
        def plan(self, diagnosis: object, view: object) -> None:
            lock.acquire()

    for given, said in (
        (Hpa, "The planner is Hpa; give a name, FILE.py:CLASS or a subclass of marskit.Planner"),
        (Holder(), "The planner is a Holder;"),
        (Holder, "The class Holder cannot be taken to its process: .*must not hold a lab"),
    ):
        with pytest.raises(NotAPlanner, match=said):
            planner_name(given)  # type: ignore[arg-type] # on purpose


def test_without_cloudpickle_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(NotAPlanner, match=r"Local is in no file.*pip install 'marskit\[notebook\]'"):
        planner_name(local_planner("never"))


def test_a_class_of_a_notebook_that_has_ended_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BY_VALUE, raising=False)
    with pytest.raises(UnknownPlanner, match=r"has ended; save the class in a file and write FILE\.py:CLASS"):
        parse_name(f"{MAIN}:Gone")


def test_the_classes_are_gone_with_the_program(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, marskit\n"
        "from marskit.plugins.by_value import planner_name\n"
        "class Own(marskit.Planner):\n    pass\n"
        "print(planner_name(Own), os.environ['MARSKIT_PLANNERS'])\n"
        "print(oct(os.stat(os.environ['MARSKIT_PLANNERS']).st_mode & 0o777))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != BY_VALUE} | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, str(script)], env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    name, folder, mode = ran.stdout.split()
    assert (name, mode) == ("__main__:Own", "0o700")
    assert not Path(folder).exists()
