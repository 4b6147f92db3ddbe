from dataclasses import replace
from pathlib import Path

import pytest

from marskit.agents.policy_file import SHIPPED
from marskit.agents.registry import PLANNERS, UnknownPlanner, make_planner, parse_name, planner_names
from marskit.agents.sources import Source, plugins, source_of
from marskit.agents.static import Static
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.goals import Utility
from tests.agents.context import demo_context, quiet_view


@pytest.mark.parametrize("name", [*PLANNERS, "hpa:60", "hpa:60:120", "demand:70"])
def test_every_planner_goes_by_its_own_name_and_plans(name: str) -> None:
    planner = make_planner(name, demo_context())
    planner.reset(3)
    plan = planner.plan(Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), ""), quiet_view())
    assert planner.name == plan.planner == name
    assert planner.summary.endswith(".")
    assert plan.reason
    assert plan.candidates
    assert (plan.actions, plan.shield) == ((), ()), "these are the shield's to fill in"


def test_a_policy_file_is_a_planner_by_its_name() -> None:
    name = str(SHIPPED / "demo-ppo.npz")
    assert parse_name(name) == (name, ())
    planner = make_planner(name, demo_context())
    planner.reset(3)
    assert planner.plan(Diagnosis((), (), None, Utility(0, 0, 0, 0, 0), ""), quiet_view()).planner == name


def test_two_planners_of_one_name_share_nothing() -> None:
    assert make_planner("hpa", demo_context()) is not make_planner("hpa", demo_context())


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("my_planner.py:Mine", Source("Mine", file=Path("my_planner.py"))),
        ("/some/where/my-planner.py:Mine", Source("Mine", file=Path("/some/where/my-planner.py"))),
        ("package.module:Mine", Source("Mine", module="package.module")),
        ("module:Mine", Source("Mine", module="module")),
        ("hpa:60", None),
        ("threshold", None),
        ("my_planner.py", None),
        ("no-module:Mine", None),
        ("module:Mine.Inner", None),
    ],
)
def test_what_names_a_class_is_told_from_what_does_not(name: str, source: Source | None) -> None:
    assert source_of(name) == source


def test_a_plug_in_is_known_by_its_name_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[marskit.planners]\nmine = not_there:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.cache_clear()
    try:
        assert plugins() == {"mine": Source("Mine", module="not_there")}
        assert parse_name("mine") == ("mine", ())
        assert planner_names(["hpa:60", "mine"])[-2:] == ("mine", "hpa:60")
        with pytest.raises(UnknownPlanner, match=r"choose one of static, .*, oracle, mine, or a policy file"):
            parse_name("magic")
        made: list[tuple[Source, str]] = []

        def make(source: Source, name: str) -> Static:
            made.append((source, name))
            return Static()

        make_planner("mine", replace(demo_context(), make_foreign=make))
        assert made == [(Source("Mine", module="not_there"), "mine")]
    finally:
        plugins.cache_clear()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.py:Mine", "The file nowhere.py for the planner Mine does not exist."),
        ("nowhere.py", "The planner 'nowhere.py' names no class; write nowhere.py:CLASS."),
        ("magic", "Unknown planner 'magic'; choose one of static, threshold, resilience, hpa"),
        ("hpa:fast", "The planner name 'hpa:fast' is malformed; write hpa:TARGET_PERCENT:STABILISATION_S."),
        ("nowhere.npz", "The policy file nowhere.npz does not exist."),
        ("hpa:60:0:1", "is malformed"),
        ("static:3", "The planner name 'static:3' is malformed; write static."),
        ("demand:0", "The planner 'demand:0' has the number 0; it must be from 10 to 100."),
    ],
)
def test_a_name_that_is_not_understood_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(UnknownPlanner) as refused:
        parse_name(name)
    assert sentence in str(refused.value)
