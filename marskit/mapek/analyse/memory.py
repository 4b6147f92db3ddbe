"""Analyse's memory of a run, from one observation to the next."""

from collections import deque
from collections.abc import Iterable, Mapping

from marskit.domain.baselines import Baselines
from marskit.domain.diagnosis import Suspect, Symptom
from marskit.domain.goals import Goals
from marskit.domain.observation import Observation
from marskit.mapek.analyse.anomaly import AnomalyDetector
from marskit.mapek.analyse.baselines import Normals
from marskit.mapek.analyse.burn import Budgets
from marskit.mapek.analyse.localise import suspects
from marskit.mapek.analyse.silence import (
    Waits,
    late_suspects,
    late_symptoms,
    late_workloads,
    silence_symptoms,
    silences,
    silent_suspects,
)
from marskit.mapek.monitor.measures import BUSY, ERRORS, LATENCY, Own, measures, own_measures

_WATCHED = (BUSY, ERRORS, LATENCY)
_EPSILON_S = 1e-6


class Memory:
    """One run's memory: the same observations in the same order give the same conclusions.

    It is fed only with the cycles' observations, which are recorded, so a replay concludes the same.
    """

    def __init__(
        self, baselines: Baselines | None = None, expected: Mapping[str, float] | None = None
    ) -> None:
        """Start empty.

        Args:
            baselines: Baselines of earlier runs.
            expected: How long a request keeps all workers of one replica busy, in ms by workload, where
                that is known beforehand; the first windows of the run are compared with it.
        """
        self._expected = {(BUSY, name): value for name, value in (expected or {}).items()}
        self._normals = Normals(baselines, self._expected)
        self._budgets = Budgets()
        self._watch = AnomalyDetector()
        self._waits = Waits()
        self._desired: dict[str, int] = {}
        self._asked_at_s: dict[str, float] = {}
        self._counted_at_s: float | None = None
        self._recent: deque[tuple[float, tuple[Own, ...]]] = deque(maxlen=8)

    def use(self, baselines: Baselines) -> None:
        """Hold against these baselines from now on."""
        self._normals = Normals(baselines, self._expected)

    def take(
        self, observation: Observation, goals: Goals, speed: float
    ) -> tuple[tuple[Suspect, ...], tuple[Symptom, ...]]:
        """Add the observation of a cycle; the suspects, and the active alarms."""
        self._note_replicas(observation)
        owns = own_measures(observation)
        silent = silences(observation, self._waits)
        late = tuple(late_workloads(observation, goals, self._waits, silent))
        if not silent and not late:
            self._waits.learn(observation)
        found = suspects(
            observation,
            owns,
            self._normals,
            earlier=self._earlier(observation),
            asked_at_s=self._asked_at_s,
            also=(*silent_suspects(silent), *late_suspects(late, observation)),
        )
        self._recent.append((observation.at_s, owns))
        burning = tuple(self._budgets.add(observation, goals.slos, speed))
        if self._is_next(observation):
            self._counted_at_s = observation.at_s
            self._learn(observation, owns, found, well=not burning)
        waiting = (*silence_symptoms(silent), *late_symptoms(late, observation.window_s))
        return found, (*waiting, *burning, *self._watch.symptoms())

    def _earlier(self, observation: Observation) -> dict[str, Own]:
        """Own measures of the previous window, if it directly precedes this one without overlap."""
        begun_s = observation.at_s - observation.window_s
        ended = [
            owns
            for at_s, owns in self._recent
            if begun_s - observation.window_s < at_s <= begun_s + _EPSILON_S
        ]
        return {own.workload: own for own in ended[-1]} if ended else {}

    def _note_replicas(self, observation: Observation) -> None:
        for workload in observation.workloads:
            # At the start of a run, replicas that are not ready may still be starting.
            before = self._desired.get(workload.workload, workload.replicas_assumed)
            if workload.replicas_desired > before:
                self._asked_at_s[workload.workload] = observation.at_s
            self._desired[workload.workload] = workload.replicas_desired

    def _is_next(self, observation: Observation) -> bool:
        """Whether its window does not overlap the one that was counted last."""
        if self._counted_at_s is None:
            return observation.window_s > 0
        return observation.at_s - self._counted_at_s >= observation.window_s - _EPSILON_S

    def _learn(
        self, observation: Observation, owns: Iterable[Own], found: Iterable[Suspect], *, well: bool
    ) -> None:
        faults = {suspect.subject for suspect in found if suspect.is_fault}
        for each in measures(observation, owns):
            usual = self._normals.of(each, observation)
            usually = True
            if usual is not None and each.metric in _WATCHED:
                usually = self._watch.add(each, usual, observation.window_s)
            # Values affected by a fault elsewhere are not learned; the work per request is its own.
            at_fault = each.subject in faults if each.metric == BUSY else bool(faults) or not well
            if usually and not at_fault:
                self._normals.learn(each, observation)
