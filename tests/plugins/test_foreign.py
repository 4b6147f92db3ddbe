"""A planner's process: what it gets, what it keeps, and that it ends with us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from marskit.agents.sources import Source
from marskit.domain.diagnosis import Diagnosis
from marskit.mapek.analyse.analyse import analyse
from marskit.planning import GuestPlanner, PlannerFailed, PlanningView
from marskit.plugins import host
from marskit.plugins.foreign import ForeignPlanner, Limits, limits_for
from marskit.plugins.process import Limit
from marskit.plugins.trusted import TrustedPlanner
from tests.agents.context import view_at
from tests.paths import ROOT
from tests.plugins.processes import left

FOLDER = ROOT / "tests" / "plugins"
USUAL = Limits(Limit(wall_s=20.0), load_s=20.0)
LOOKER = """
import os
import helper_of_mine
import marskit

class Looker(marskit.Planner):
    '''Tells what it can see.'''

    def reset(self, seed):
        self.seed, self.asked = seed, 0

    def plan(self, diagnosis, view):
        self.asked += 1
        self.explain(repr((self.seed, self.asked, "SECRET" in os.environ, os.getsid(0) == os.getpid(),
                           helper_of_mine.ANSWER, len(view.recent), view.recent == ())))
        return None
"""


def asked(now_s: float = 10.0) -> tuple[Diagnosis, PlanningView]:
    view = view_at(60.0, now_s=now_s)
    diagnosis = analyse(
        view.observation,
        topology=view.topology,
        goals=view.goals,
        configuration=view.configuration,
        actions=0,
        period_s=2,
    )
    return diagnosis, view


@pytest.fixture
def looker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForeignPlanner]:
    monkeypatch.setenv("SECRET", "of mine")
    (tmp_path / "helper_of_mine.py").write_text("ANSWER = 42\n")
    (tmp_path / "looker.py").write_text(LOOKER)
    planner = ForeignPlanner(Source("Looker", tmp_path / "looker.py"), "looker.py:Looker", 7, USUAL)
    yield planner
    planner.close()
    assert not left()


def test_it_keeps_its_state_knows_its_folder_and_gets_no_secrets(looker: ForeignPlanner) -> None:
    assert isinstance(looker, GuestPlanner)
    assert (looker.name, looker.summary, looker.analyses) == (
        "looker.py:Looker",
        "Tells what it can see.",
        False,
    )
    looker.reset(7)
    reasons = [looker.plan(*asked()).reason for _ in range(2)]
    assert reasons == [f"(7, {n}, False, True, 42, 0, True)" for n in (1, 2)]
    looker.reset(8)
    assert looker.plan(*asked()).reason == "(8, 1, False, True, 42, 0, True)"


def test_the_windows_come_over_as_differences(tmp_path: Path) -> None:
    (tmp_path / "window.py").write_text(
        "import marskit\n\n"
        "class Window(marskit.Planner):\n"
        "    def plan(self, diagnosis, view):\n"
        "        self.explain(repr([round(o.at_s) for o in view.recent]))\n"
    )
    diagnosis, view = asked()
    seen = [asked(now_s=float(n))[1].observation for n in range(10, 20)]
    planner = ForeignPlanner(Source("Window", tmp_path / "window.py"), "w", 0, USUAL)
    try:
        # Grows, slides, is cut short and is replaced.
        for window in (seen[:2], seen[:5], seen[3:8], seen[7:8], seen[2:4], [], seen):
            reason = planner.plan(diagnosis, replace(view, recent=tuple(window))).reason
            assert reason == repr([round(o.at_s) for o in window])
    finally:
        planner.close()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("hostile.py:NameRaises", "its name raised RuntimeError: no name (tests/plugins/hostile.py, line "),
        (
            "hostile.py:ResetRaises",
            "its reset raised RuntimeError: no reset (tests/plugins/hostile.py, line ",
        ),
        (
            "hostile.py:CannotBeMade",
            "its constructor raised RuntimeError: no planner (tests/plugins/hostile.py",
        ),
        (
            "hostile.py:NeedsArguments",
            "missing 1 required positional argument: 'size' (tests/plugins/hostile.py",
        ),
        (
            "hostile.py:NotAPlanner",
            "NotAPlanner in tests/plugins/hostile.py is not a subclass of marskit.Planner",
        ),
        (
            "hostile.py:Missing",
            "tests/plugins/hostile.py has no class Missing; its planners are Good, Analyst",
        ),
        (
            "broken_import.py:Any",
            "cannot be imported: it raised RuntimeError: not today (tests/plugins/broken_im",
        ),
        ("slow_import.py:Any", "it did not answer within 1 s (tests/plugins/slow_import.py, line 5)"),
    ],
)
@pytest.mark.parametrize("trusted", [False, True])
def test_what_cannot_be_loaded_is_refused_in_one_sentence(name: str, sentence: str, *, trusted: bool) -> None:
    file, _, cls = name.partition(":")
    source = Source(cls, Path("tests/plugins") / file)
    if trusted and file == "slow_import.py":
        pytest.skip("nothing ends what is trusted")
    limits = Limits(Limit(1.0), load_s=1.0 if file == "slow_import.py" else 20.0)
    with pytest.raises(PlannerFailed) as caught:
        _ = TrustedPlanner(source, name, 0) if trusted else ForeignPlanner(source, name, 0, limits)
    assert str(caught.value).startswith(f"The planner {cls} cannot be loaded: ")
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not left()


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("no.such", "the module no.such does not exist"),
        (
            "tests.plugins.broken_import",
            "it raised RuntimeError: not today (tests/plugins/broken_import.py, line 1)",
        ),
    ],
)
def test_a_module_is_loaded_by_its_name(module: str, sentence: str) -> None:
    with pytest.raises(PlannerFailed, match="cannot be loaded") as caught:
        ForeignPlanner(Source("Good", module=module), "x", 0, USUAL)
    assert sentence in str(caught.value)
    planner = ForeignPlanner(Source("Good", module="tests.plugins.hostile"), "x", 0, USUAL)
    try:
        assert planner.plan(*asked()).reason.startswith("asked 1: ")
    finally:
        planner.close()


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "numbers.py").write_text(
        "import numpy as np\nimport marskit\n\n"
        "class Numbers(marskit.Planner):\n"
        "    def plan(self, diagnosis, view):\n"
        "        wish = (marskit.Scale('payments', np.int64(3)),)\n"
        "        candidates = [marskit.Candidate(wish, 'why', np.float32(0.5))]\n"
        "        return marskit.Plan('', candidates, list(wish), 'why')\n"
    )
    planner = ForeignPlanner(Source("Numbers", tmp_path / "numbers.py"), "n", 0, USUAL)
    try:
        plan = planner.plan(*asked())
    finally:
        planner.close()
    assert type(plan.proposed[0].replicas) is int  # type: ignore[union-attr] # it is a Scale
    assert (plan.candidates[0].score, plan.planner) == (0.5, "n")


def test_it_can_be_ended_while_it_is_asked() -> None:
    planner = ForeignPlanner(Source("Sleeps", FOLDER / "hostile.py"), "s", 0, USUAL)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(planner.plan, *asked())
        time.sleep(0.2)
        begun_s = time.monotonic()
        planner.close()
        with pytest.raises(PlannerFailed):
            asking.result(5)
    assert time.monotonic() - begun_s < 3.0
    assert not left()


PARENT = """
import sys, time
from pathlib import Path
from marskit.agents.sources import Source
from tests.plugins.test_foreign import FOLDER, USUAL, asked
from marskit.plugins.foreign import ForeignPlanner
planner = ForeignPlanner(Source(sys.argv[1], FOLDER / "hostile.py"), "x", 0, USUAL)
planner.plan(*asked())
print("asked", flush=True)
if sys.argv[2] == "spin":
    planner.plan(*asked())
time.sleep(60)
"""


def grown(pid: int, size: int) -> list[psutil.Process]:
    """The descendants that run, once there are as many, each in a session of its own."""
    until_s = time.monotonic() + 10.0
    while True:
        family = psutil.Process(pid).children(recursive=True)
        running = [each for each in family if each.status() != psutil.STATUS_ZOMBIE]
        if len(running) == len({os.getsid(each.pid) for each in running}) == size:
            return running
        assert time.monotonic() < until_s, family
        time.sleep(0.02)


def test_nothing_outlives_a_program_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, "Forks", "wait"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "asked\n"
        try:
            # The host, the planner, and a process that it left in a session of its own.
            family = grown(program.pid, 3)
        finally:
            os.kill(program.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=5)
        assert not alive


def test_limits_are_of_processor_time_where_time_is_virtual() -> None:
    assert limits_for(1.0, simulated=False).answer == Limit(wall_s=1.0)
    assert limits_for(1.0, simulated=True).answer == Limit(wall_s=10.0, cpu_s=1.0)
    assert limits_for(4.0, simulated=True).answer == Limit(wall_s=40.0, cpu_s=4.0)


def test_the_host_is_not_loaded_with_what_planners_do_not_need() -> None:
    code = (
        f"import sys, {host.__name__}; "
        "print(sorted({'numpy', 'polars', 'asyncio', 'rich', 'yaml', 'textual'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_the_package_exports_is_there_and_costs_nothing_before_it_is_used() -> None:
    code = (
        "import sys, marskit; assert 'marskit.domain' not in sys.modules; "
        "print(*(name for name in marskit._FROM if getattr(marskit, name) is not None))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"Planner", "PlanningView", "Diagnosis", "Plan", "Scale"} <= set(done.stdout.split())
