"""How old a finding is, and what the newest observation says beside it: nothing old is shown as now."""

from dataclasses import dataclass

from marskit import text
from marskit.domain.diagnosis import Diagnosis, SloStatus
from marskit.domain.observation import Observation
from marskit.domain.state import State
from marskit.mapek.analyse.slo import slo_status
from marskit.views.current import entry_service
from marskit.views.tone import SYMBOLS, Tone, of_verdict

STALE_WINDOWS = 2.0
"""Age, in windows of observation, beyond which a finding says nothing about the present."""


@dataclass(frozen=True, slots=True)
class Age:
    """The age of a finding."""

    seconds: float
    is_old: bool
    """Whether a newer one is due, so that the age must be shown."""
    is_stale: bool
    """Whether it says nothing about the present any more, so that it is grey."""

    @property
    def words(self) -> str:
        """`32 s ago`; empty while no newer finding is due."""
        return f"{text.duration(self.seconds)} ago" if self.is_old else ""


def age_of(state: State, observation: Observation) -> Age:
    """The age of what was found in that observation."""
    seconds = max(0.0, state.now_s - observation.at_s)
    period_s = state.started.period_s if state.started else observation.window_s / 2
    window_s = max(observation.window_s, 2 * period_s)
    return Age(seconds, seconds >= max(1.0, 1.5 * period_s), seconds > STALE_WINDOWS * window_s)


@dataclass(frozen=True, slots=True)
class VerdictView:
    """The newest verdict on the SLOs with its age, and the live one beside it."""

    verdict: str = ""
    """`SLO met`, and how long ago if a newer verdict is due."""
    tone: Tone = Tone.UNKNOWN
    symbol: str = ""
    cycle: int | None = None
    """The cycle that it belongs to."""
    live: str = ""
    """What the newest observation says, if the verdict is old or says something else: `now ✖ 927 ms`."""
    live_tone: Tone = Tone.UNKNOWN

    @property
    def words(self) -> str:
        """Both in one line: `SLO met 32 s ago · now ✖ 927 ms`."""
        return " · ".join(part for part in (self.verdict, self.live) if part)


def verdict_view(state: State) -> VerdictView:
    """The verdict of the newest cycle that has one, and the live one."""
    live, met_now = _live(state)
    found = _newest(state)
    if found is None:
        verdict = "SLO not evaluated yet"
        live = live if met_now is not None else ""
        return VerdictView(verdict, symbol=SYMBOLS[Tone.UNKNOWN], live=live, live_tone=of_verdict(met_now))
    cycle, diagnosis, observation = found
    met = diagnosis.slo_met
    violated = sum(slo.met is False for slo in diagnosis.slos)
    words = {None: "SLO not judged", True: "SLO met", False: f"SLO violated ({violated})"}[met]
    age = age_of(state, observation)
    if age.is_old:
        words += f" {age.words}"
    elif met_now is met or met_now is None:
        live = ""
    tone = of_verdict(met)
    return VerdictView(
        verdict=words,
        tone=Tone.DIM if age.is_stale else tone,
        symbol=SYMBOLS[tone],
        cycle=cycle,
        live=live,
        live_tone=of_verdict(met_now),
    )


def _newest(state: State) -> tuple[int, Diagnosis, Observation] | None:
    cycle = state.cycle
    if cycle is not None and cycle.diagnosis is not None and cycle.observation is not None:
        return cycle.id, cycle.diagnosis, cycle.observation
    if not state.cycles:
        return None
    last = state.cycles[-1]
    return last.id, last.diagnosis, last.observation


def _live(state: State) -> tuple[str, bool | None]:
    """The verdict on the newest observation, for the service that is worst off, else for the users' own."""
    if state.observation is None or state.started is None:
        return "", None
    seen = state.observation
    if (age_s := state.now_s - seen.at_s) > max(2.0, state.started.period_s):
        return f"no telemetry for {text.duration(age_s)}", None
    known = {service.service for service in seen.services}
    judged = [slo_status(slo, seen) for slo in state.started.goals.slos if slo.service in known]
    violated = [slo for slo in judged if slo.met is False]
    if violated:
        return f"now {SYMBOLS[Tone.BAD]} {_violation(violated[0])}", False
    entry = next((slo for slo in judged if slo.service == entry_service(state)), None)
    if entry is None or entry.met is None:
        return f"now {SYMBOLS[Tone.UNKNOWN]} too few requests", None
    return f"now {SYMBOLS[Tone.OK]} {text.ms(entry.latency_p95_ms)}", True


def _violation(slo: SloStatus) -> str:
    if slo.availability_met is False and slo.availability_percent is not None:
        return f"{text.percent(100.0 - slo.availability_percent)} failed"
    return text.ms(slo.latency_p95_ms)
