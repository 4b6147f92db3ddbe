"""Recalibration: a new version of a card from recent cycles, used only if it predicts better."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot
from statistics import fmean

from marskit.calibration.drift import Drift, DriftDetector, comparable, errors, residuals, unannounced
from marskit.calibration.estimators import LEAST
from marskit.calibration.fit import fit, reach
from marskit.calibration.starts import recorded_starts
from marskit.calibration.windows import windows
from marskit.domain.goals import Goals
from marskit.domain.topology import EdgeId
from marskit.knowledge.read.runs import StoredRun
from marskit.mesh.simulator.card import CallFit, Card, Fitted, HeldOut, Renewal, StationFit
from marskit.mesh.simulator.compile import calibrated
from marskit.mesh.simulator.model import TwinModel

ENOUGH = 9
"""Windows since the start of a drift that a recalibration needs: two thirds to fit, the rest to validate."""
FITTED_SHARE = 0.7
MOVED = 3.0
"""Standard errors by which a number must move to be replaced: the old one rests on more windows."""

# Start times are excluded: p95s are compared only while nothing starts, so they cause no drift.
_OF_STATION = (("service_ms", "service time", " ms"), ("service_cv", "coefficient of variation", ""))
_OF_CALL = (("per_request", "calls per request", ""), ("hop_ms", "hop", " ms"))


@dataclass(frozen=True, slots=True)
class Renewed:
    """A card that predicts the held-out windows better than the former one."""

    card: Card
    moved: tuple[str, ...]
    """The numbers that changed, in words."""

    @property
    def sentence(self) -> str:
        """The recalibration and its result, in one sentence."""
        renewal = self.card.renewal
        assert renewal is not None
        return (
            f"The twin was recalibrated from {renewal.windows} windows: {', '.join(self.moved)}; on windows "
            f"it was not fitted to, its p95 is {renewal.error_after_percent:.0f} % off instead of "
            f"{renewal.error_before_percent:.0f} %."
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """The card stays in force."""

    sentence: str
    """The reason."""


def look_back(plain: TwinModel, card: Card | None, run: StoredRun) -> Renewed | Kept:
    """Look for drift in a whole run, and recalibrate from everything since it began."""
    goals, records = run.started.goals, unannounced(run.records)
    errors_percent = {held.service: held.p95_error_percent for held in card.held_out} if card else {}
    watch = DriftDetector(calibrated(plain, card) if card else plain, errors_percent, goals)
    for count in range(1, len(records) + 1):
        drift = watch.see(records[:count])
        if drift is not None:
            found = renew(plain, card, goals, replace(run, records=records), drift)
            return found or Kept(f"{drift.sentence}, but fewer than {ENOUGH} windows show it.")
    return Kept(f"no drift in {len({r.cycle for r in watch.residuals})} windows.")


def renew(
    plain: TwinModel, card: Card | None, goals: Goals, run: StoredRun, drift: Drift
) -> Renewed | Kept | None:
    """Recalibrate from the run's windows since a drift began; None while there are too few.

    The first part of the windows is fitted to, and the old and the new card both predict the rest. If the new
    one is closer, it is fitted to all of them and replaces the old one, number by number: only numbers that
    moved by more than their standard errors allow are replaced, and only those that can cause the drift. Few
    windows lead to chance findings elsewhere, and another drift is detected separately.

    Args:
        plain: The mesh according to its manifests.
        card: The card in force; None for the manifests' numbers.
        goals: Goals of the mesh.
        run: The run; its records may begin before the drift.
        drift: The drift, with its start.
    """
    records = tuple(record for record in run.records if record.cycle.id >= drift.since)
    shown = [each for each in comparable(records) if drift.edge.workload in each.steady]
    if len(shown) < ENOUGH:
        return None
    old = calibrated(plain, card) if card else plain
    late = shown[round(FITTED_SHARE * len(shown)) :]
    split = late[0].record.cycle.observation
    early = [r for r in records if r.cycle.observation.at_s <= split.at_s - split.window_s]
    trial, _ = _fitted(old, card, replace(run, records=tuple(early)), drift.edge)
    foretold = [residuals(model, goals, late) for model in (old, calibrated(plain, trial))]
    # If one of them cannot predict a window, neither is judged on it.
    both = set.intersection(*({(r.cycle, r.edge) for r in rows} for rows in foretold))
    before, after = (errors(r for r in rows if (r.cycle, r.edge) in both) for rows in foretold)
    if drift.edge not in {edge for _, edge in both}:
        # For example under overload, when no card predicts a p95.
        return None
    worse, better = _error(before), _error(after)
    renewed, moved = _fitted(old, card, replace(run, records=records), drift.edge)
    if not moved or better >= worse:
        return Kept(
            f"{drift.sentence}, but a recalibrated card predicts no better ({better:.0f} % off instead of "
            f"{worse:.0f} %), so the present card stays."
        )
    first, last = records[0].cycle.id, records[-1].cycle.id
    renewal = Renewal(run.started.run, first, last, len(shown), drift.edge.service, worse, better)
    known = card.runs if card else ()
    return Renewed(
        replace(
            renewed,
            version=card.version + 1 if card else 1,
            runs=(*(each for each in known if each != run.started.run), run.started.run),
            held_out=(*after, *(e for e in (card.held_out if card else ()) if _is_new(e, after))),
            renewal=renewal,
        ),
        moved,
    )


def _is_new(error: HeldOut, among: Sequence[HeldOut]) -> bool:
    return error.service not in {each.service for each in among}


def _error(errors: Sequence[HeldOut]) -> float:
    """The mean error in percent; all services count equally."""
    return fmean(error.p95_error_percent for error in errors)


def calibrated_by(plain: TwinModel, card: Card | None, runs: Sequence[StoredRun]) -> Card:
    """The card with the moved numbers that counts determine: service times, calls and starts.

    Hops and coefficients of variation depend on queueing, which only a full calibration corrects for.
    """
    old, base = calibrated(plain, card) if card else plain, card or Card(())
    unbroken = [replace(run, records=unannounced(run.records)) for run in runs]
    found = fit(old, windows(unbroken), recorded_starts(unbroken)).card
    stations, calls = dict(base.stations), dict(base.calls)
    for name, new in found.stations.items():
        known = stations.get(name, StationFit())
        moved = {
            f: getattr(new, f)
            for f in ("service_ms", "start_s")
            if _has_moved(getattr(known, f), getattr(new, f))
        }
        stations[name] = replace(known, **moved)
    for key, call in found.calls.items():
        seen = calls.get(key, CallFit())
        if _has_moved(seen.per_request, call.per_request):
            calls[key] = replace(seen, per_request=call.per_request)
    crowded = found.crowding if _has_moved(base.crowding, found.crowding) else base.crowding
    return replace(base, stations=stations, calls=calls, crowding=crowded)


def _fitted(old: TwinModel, card: Card | None, run: StoredRun, edge: EdgeId) -> tuple[Card, tuple[str, ...]]:
    """The card with the moved numbers behind the edge's latency, and these numbers in words."""
    # Of the old model, so that undetermined numbers stay as they were.
    found = fit(old, windows([run]), recorded_starts([run])).card
    behind = reach(old, edge.workload)
    base = card or Card(())
    stations, calls, words = dict(base.stations), dict(base.calls), []
    for station in (s for s in old.stations if s.workload in behind):
        name = station.workload
        for field, what, unit in _OF_STATION:
            known, now = stations.get(name, StationFit()), found.stations.get(name, StationFit())
            if _has_moved(getattr(known, field), fitted := getattr(now, field)):
                stations[name] = replace(known, **{field: fitted})
                words.append(
                    f"the {what} of {name} from {getattr(station, field):.3g} to {fitted.value:.3g}{unit}"
                )
    for call in old.calls:
        key = call.source, call.service
        if key != (edge.source, edge.service) and call.source not in behind:
            continue
        for field, what, unit in _OF_CALL:
            seen, new = calls.get(key, CallFit()), found.calls.get(key, CallFit())
            if _has_moved(getattr(seen, field), fitted := getattr(new, field)):
                calls[key] = replace(seen, **{field: fitted})
                words.append(
                    f"the {what} of {call.source} → {call.service} from {getattr(call, field):.3g} to "
                    f"{fitted.value:.3g}{unit}"
                )
    return replace(base, stations=stations, calls=calls), tuple(words)


def _has_moved(known: Fitted | None, now: Fitted | None) -> bool:
    if now is None or now.n < LEAST:
        return False
    return known is None or abs(now.value - known.value) > MOVED * hypot(now.stderr, known.stderr)
