"""The same spike for a planner that acts and for one that does not, at the same time on one machine."""

from pathlib import Path
from statistics import fmean

import pytest

from marskit.domain.actions import Scale
from marskit.domain.records import Cycle, Execution, Outcome
from marskit.knowledge.read.runs import list_runs, load_run
from marskit.load.curves import Spike
from marskit.load.scenario import Scenario, load_scenario
from tests.e2e.program import Program

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(240)]

CYCLES = 20
RUN_S = 180.0
"""Four times as long as it takes."""


def within_spike(cycles: list[Cycle], scenario: Scenario) -> list[Cycle]:
    """The cycles whose whole window lies in the spike, its edges left out."""
    spike = scenario.curve
    assert isinstance(spike, Spike)

    def inside(cycle: Cycle) -> bool:
        load = cycle.observation.load
        assert load is not None
        from_s = load.scenario_s - cycle.observation.window_s * scenario.speed
        return spike.from_s + spike.edge_s <= from_s and load.scenario_s <= spike.until_s - spike.edge_s

    return [cycle for cycle in cycles if inside(cycle)]


def sent_per_s(cycles: list[Cycle]) -> float:
    loads = [cycle.observation.load for cycle in cycles]
    sent = [load.sent_requests_per_s for load in loads if load is not None]
    return fmean(rate for rate in sent if rate is not None)


def answers(execution: Execution, cycle: Cycle) -> bool:
    """Whether it gave more replicas to what the diagnosis named."""
    action = execution.action
    return (
        execution.outcome is Outcome.APPLIED
        and isinstance(action, Scale)
        and action.workload == cycle.diagnosis.bottleneck
        and action.replicas > cycle.observation.workload(action.workload).replicas_desired
    )


def test_threshold_ends_the_violation_within_the_spike_and_static_does_not(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    common = ("--headless", "--json", "--scenario", "spike", "--cycles", str(CYCLES))
    with (
        Program(tmp_path / "threshold", *common, runs=runs) as threshold,
        Program(tmp_path / "static", *common, "--planner", "static", runs=runs) as static,
    ):
        for program in (threshold, static):
            assert (program.end(RUN_S), program.err) == (0, [])
            program.assert_nothing_left()
        assert len(threshold.cycles) == len(static.cycles) == CYCLES

        scenario = load_scenario("spike")
        acted, idle = (within_spike(each.cycles, scenario) for each in (threshold, static))
        # Nobody's slowness keeps requests from being sent: both had to carry what the scenario asks for.
        assert sent_per_s(acted) == pytest.approx(scenario.peak_rate, rel=0.1)
        assert sent_per_s(idle) == pytest.approx(scenario.peak_rate, rel=0.1)

        violated = [cycle for cycle in threshold.cycles if cycle.diagnosis.slo_met is False]
        assert any(answers(execution, cycle) for cycle in violated for execution in cycle.executions)
        assert sum(cycle.diagnosis.slo_met is True for cycle in acted[-4:]) >= 3

        assert not any(cycle.executions for cycle in static.cycles)
        first = next(number for number, cycle in enumerate(idle) if cycle.diagnosis.slo_met is False)
        assert first <= 2
        assert all(cycle.diagnosis.slo_met is False for cycle in idle[first:])

        listed = list_runs(runs)
        assert listed.unreadable == ()
        stored = {run.planner: load_run(runs, run.run) for run in listed.runs}
        for name, program in (("threshold", threshold), ("static", static)):
            assert [record.cycle for record in stored[name].records] == program.cycles
