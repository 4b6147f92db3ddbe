"""The whole controller, on the twin and on Envoy: `resilience` against faults, and a person's own actions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.live_loop import LiveLoop, play
from benchmarks.resilience import SHORT, WHOLE, Run, run
from marskit.assembly.settings import Settings
from marskit.domain.actions import (
    Action,
    Scale,
    SetOutlierDetection,
    SetRetries,
    SetTimeout,
    ShiftTraffic,
)
from marskit.domain.commands import Act, Undo
from marskit.domain.config import OutlierDetection, Retries
from marskit.domain.records import Mode, Origin, Outcome
from marskit.mesh.envoy import demo_services

Compared = Callable[[str], tuple[Run, Run]]
ACTIONS: tuple[Action, ...] = (
    SetTimeout("payments", 0, 900),
    SetRetries("storefront", 0, Retries(3, 300, "5xx,reset")),
    SetOutlierDetection("payments", OutlierDetection(3, 500, 2000, 50)),
    ShiftTraffic("recommendations", 2, (("food", 60), ("music", 40))),
    Scale("payments", 3),
)


@pytest.fixture
def on_twin(tmp_path: Path) -> Compared:
    """Runs the fault with `threshold` and with `resilience`, same seed."""
    return lambda fault: (
        run("threshold", fault, 1, "twin", tmp_path, WHOLE),
        run("resilience", fault, 1, "twin", tmp_path, WHOLE),
    )


def test_errors_cost_a_fraction_of_the_requests_and_the_settings_go_back(on_twin: Compared) -> None:
    threshold, resilience = on_twin("errors 20 %")
    assert threshold.failed > 100
    assert resilience.failed < threshold.failed / 5
    assert "set retries of payments[0] to 2" in resilience.actions
    assert resilience.left == 0
    assert resilience.refused == ()


def test_lost_replicas_cost_less_where_no_retries_were_set(on_twin: Compared) -> None:
    threshold, resilience = on_twin("kill, no retries")
    assert resilience.failed < threshold.failed
    assert resilience.left == 0


def test_a_hanging_call_no_longer_holds_its_callers_up(on_twin: Compared) -> None:
    threshold, resilience = on_twin("hang (slow 60x)")
    assert "set timeout of payments[0] to 600 ms" in resilience.actions
    assert resilience.in_flight < threshold.in_flight * 0.75
    assert resilience.left == 0


@pytest.mark.parametrize("fault", ["slow 3x", "delay 100 ms"])
def test_what_is_slow_and_no_more_is_left_to_threshold(on_twin: Compared, fault: str) -> None:
    threshold, resilience = on_twin(fault)
    assert resilience == threshold


@pytest.mark.e2e
def test_errors_on_envoy_are_answered_with_retries_and_outlier_detection(tmp_path: Path) -> None:
    demo_services.install_dependencies()
    done = run("resilience", "errors 20 %", 1, "envoy", tmp_path, SHORT)
    assert "set retries of payments[0] to 2" in done.actions
    assert any(action.startswith("eject replicas of payments after") for action in done.actions)
    # A fifth of the requests would fail for more than half of the run.
    assert done.failed < done.requests * 0.08


@pytest.mark.parametrize("mesh", [pytest.param("envoy", marks=pytest.mark.mesh), "twin"])
def test_a_person_does_and_undoes_every_kind_of_action(mesh: str, tmp_path: Path) -> None:
    if mesh == "envoy":
        demo_services.install_dependencies()

    async def script(live: LiveLoop) -> None:
        controller = live.controller
        await live.up()
        # The shield has to have seen that replicas are ready.
        await live.completed(1)
        before = controller.state.configuration
        for action in ACTIONS:
            dry = controller.preview(action)
            await controller.handle(Act(action))
            done = controller.state.executions[-1]
            assert (done.action, done.origin, done.outcome) == (action, Origin.PERSON, Outcome.APPLIED)
            assert (dry.command, dry.diff) == (done.command, done.diff)
            assert done.diff.startswith("--- a/")
            assert done.command.startswith("kubectl ")
        assert controller.state.configuration != before
        for _ in ACTIONS:
            await controller.handle(Undo())
        assert controller.state.configuration == before
        assert [e.origin for e in controller.state.executions[len(ACTIONS) :]] == [Origin.UNDO] * len(ACTIONS)

    # No planner that acts beside the person.
    settings = Settings(mesh=mesh, planner="static", mode=Mode.AUTO, seed=1, runs=tmp_path)
    play(settings, script)
