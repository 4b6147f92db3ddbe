"""The error of predictions: every plan of recorded runs, predicted from the observation, against the effect.

Run: `python -m benchmarks.predictions FOLDER`, a folder of runs of the demo on the real mesh, such as
`python -m benchmarks.learned --mesh envoy --draws 3 --shapes 3` leaves in `held-out/runs`. What the run's own
marskit had predicted does not matter: all is predicted anew.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import median

from benchmarks.report import Figure, show
from marskit.agents.preview import TwinPredictor
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.events import RunStarted
from marskit.domain.goals import Slo
from marskit.domain.loop_events import CycleCompleted, Monitored, Planned
from marskit.domain.observation import Observation
from marskit.domain.plan import Prediction
from marskit.domain.records import Cycle
from marskit.domain.state import State, apply
from marskit.knowledge.read.recording import load_recording
from marskit.mesh.manifests.graph import goals, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card_file import demo_card
from marskit.mesh.simulator.compile import twin_model
from marskit.planning import PlanningView

SERVICE = "orders"
SPEED = 7.5
"""Of all scenarios of the demo."""
LATER = 3
"""A prediction is of the second and third period after it, which is the window of the third cycle after."""
SAME_LOAD = 1.3
"""Within this factor the load stayed about the same."""
NEAR = 1.5


@dataclass(frozen=True, slots=True)
class Compared:
    """A prediction beside what came."""

    before: Observation
    predicted: Prediction
    after: Observation

    @property
    def times_off(self) -> float:
        """By what factor the p95 was off, one way or the other."""
        return exp(abs(log((self.predicted.latency_p95_ms or 0.0) / _p95_ms(self.after))))

    @property
    def is_same_load(self) -> bool:
        """Whether about as many requests came as before."""
        rates = [o.service(SERVICE).requests_per_s for o in (self.before, self.after)]
        return max(rates) <= SAME_LOAD * min(rates)

    def missed(self, slo: Slo) -> tuple[bool, bool]:
        """Whether the p95 missed the objective before, and afterwards."""
        return _p95_ms(self.before) > slo.latency_ms, _p95_ms(self.after) > slo.latency_ms

    def is_right(self, slo: Slo) -> bool:
        """Whether it was foretold if the p95 would miss its objective."""
        return ((self.predicted.latency_p95_ms or 0.0) > slo.latency_ms) == self.missed(slo)[1]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path, metavar="FOLDER")
    runs = parser.parse_args().runs
    names = sorted(path.name.removeprefix("run=") for path in runs.glob("run=*"))
    compared = [each for name in names for each in compare(runs, name)]
    slo = goals(load_mesh(DEMO_MANIFESTS)).slo(SERVICE)
    assert slo is not None
    kinds = {
        "all": compared,
        "load about the same": [c for c in compared if c.is_same_load],
        "SLO met, then met": [c for c in compared if c.missed(slo) == (False, False)],
        "SLO violated, then met": [c for c in compared if c.missed(slo) == (True, False)],
        "SLO violated, then violated": [c for c in compared if c.missed(slo) == (True, True)],
        "SLO met, then violated": [c for c in compared if c.missed(slo) == (False, True)],
    }
    return show(f"Predictions of {SERVICE}", [_figure(name, of_kind, slo) for name, of_kind in kinds.items()])


def compare(runs: Path, run: str) -> Iterator[Compared]:
    """The predictions of one run after which nothing else was done."""
    config, card = load_mesh(DEMO_MANIFESTS), demo_card()
    aims, graph, model = goals(config), topology(config), twin_model(config, card)
    state, predicted = State(), dict[int, tuple[Observation, Prediction]]()
    preview: TwinPredictor | None = None
    cycles: dict[int, Cycle] = {}
    for event in load_recording(runs, run).events:
        match event:
            case RunStarted(period_s=period_s):
                preview = TwinPredictor(lambda: (model, {}), aims, period_s=period_s, speed=SPEED)
                preview.load()
            case Monitored():
                seen = event.observation
            case Planned() if preview is not None and state.configuration is not None:
                view = PlanningView(
                    now_s=event.at_s,
                    speed=SPEED,
                    topology=graph,
                    configuration=state.configuration,
                    goals=aims,
                    observation=seen,
                    recent=state.history,
                    cycles=state.cycles,
                )
                (found,) = preview.predict((event.plan.actions,), SERVICE, view)
                if found is not None:
                    predicted[event.cycle] = seen, found
            case CycleCompleted(cycle):
                cycles[cycle.id] = cycle
        state = apply(state, event)
    for number, (before, prediction) in predicted.items():
        later = [cycles.get(number + n) for n in range(1, LATER + 1)]
        last = later[-1]
        if last is None or any(cycle is None or cycle.executions for cycle in later[:-1]):
            continue
        if _p95_ms(last.observation) and prediction.latency_p95_ms:
            yield Compared(before, prediction, last.observation)


def _p95_ms(observation: Observation) -> float:
    return observation.service(SERVICE).latency.p95_ms or 0.0


def _figure(name: str, compared: Sequence[Compared], slo: Slo) -> Figure:
    if not compared:
        return Figure(name, "none", "", None)
    near = sum(c.times_off < NEAR for c in compared) / len(compared)
    right = sum(c.is_right(slo) for c in compared) / len(compared)
    failing = [(c.predicted.error_percent, c.after.service(SERVICE).error_percent or 0.0) for c in compared]
    told, came = (sum(column) / len(compared) for column in zip(*failing, strict=True))
    return Figure(
        name,
        f"p95 error {median(c.times_off for c in compared) - 1:.0%} (median), "
        f"within a factor of {NEAR:g} {near:.0%}; "
        f"SLO right {right:.0%}; errors predicted {told:.1f} %, observed {came:.1f} % (n {len(compared)})",
        "",
        None,
    )


if __name__ == "__main__":
    raise SystemExit(main())
