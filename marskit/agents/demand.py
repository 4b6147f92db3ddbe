"""Replicas in proportion to the load at the gateway: the simplest rule that knows the mesh."""

from math import ceil

import numpy as np

from marskit import text
from marskit.agents.situation import Observer, scalings
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate, Plan
from marskit.env.encoding import RATE, Encoding, demand, encoding, renewed
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.simulator.model import TwinModel
from marskit.planning import PlanningView

DEFAULT_TARGET_PERCENT = 65
SPARE = 0.04
"""Smallest change, in replicas, that justifies scaling; less is noise."""


class Demand:
    """Scales all workloads at once, because the load at the gateway reaches them all."""

    def __init__(self, model: TwinModel, target_percent: int = DEFAULT_TARGET_PERCENT) -> None:
        self.name = "demand" if target_percent == DEFAULT_TARGET_PERCENT else f"demand:{target_percent}"
        self.summary = (
            f"Scales every workload to {target_percent} % utilisation for the load at the gateway, "
            "using the twin's service times and call rates."
        )
        self._target = target_percent / 100.0
        # The period and the limits do not affect the parts used here.
        self._encoding: Encoding = encoding(model, ShieldLimits(), period_scenario_s=15.0)
        self._observer = Observer(self._encoding, period_s=2.0)

    def reset(self, seed: int) -> None:
        """Forget earlier loads; the seed is unused, because nothing is random."""
        self._observer.reset()

    def renew(self, model: TwinModel) -> None:
        """Continue with new parameters of the same mesh; the observed loads stay."""
        self._encoding = renewed(self._encoding, model)

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """One `Scale` for every workload whose replicas should change."""
        situation, stations = self._observer.see(view), self._encoding.model.stations
        busy = np.zeros(len(stations))
        demand(self._encoding.codes, float(situation.raw[RATE, 0]), situation.weights, 0, busy)
        wanted = np.array(
            [
                max(s.min_replicas, min(s.max_replicas, self._replicas(load, s.workload, view)))
                for s, load in zip(stations, busy, strict=True)
            ]
        )
        rate = situation.raw[RATE, 0]
        actions = scalings(self._encoding, view, wanted)
        changes = ", ".join(
            f"{s.workload} {load:.1f} busy → {int(count)}"
            for s, load, count in zip(stations, busy, wanted, strict=True)
        )
        target = text.share(self._target)
        reason = f"{rate:.0f} requests per second at a target utilisation of {target}: {changes}."
        return Plan(self.name, (Candidate(actions, reason),), actions, reason)

    def _replicas(self, load: float, workload: str, view: PlanningView) -> int:
        now, exact = view.configuration.replicas_of(workload), load / self._target
        if now - 1 < exact + SPARE and exact - SPARE <= now:
            return now
        return ceil(exact - 1e-9)
