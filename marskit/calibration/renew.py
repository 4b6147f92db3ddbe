"""A new version of a card from what a mesh has shown of late, taken only if it foretells better."""

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
"""Windows since a drift began that make a new card: two thirds to fit to, the rest to try it on."""
FITTED_SHARE = 0.7
MOVED = 3.0
"""So many standard errors must lie between an old number and a new one: more windows are behind the old."""

# Not how long starts take: a p95 is compared only while nothing starts, so no drift comes of them.
_OF_STATION = (("service_ms", "service time", " ms"), ("service_cv", "spread", ""))
_OF_CALL = (("per_request", "calls per request", ""), ("hop_ms", "hop", " ms"))


@dataclass(frozen=True, slots=True)
class Renewed:
    """A card that foretells the held-out windows better than the former one."""

    card: Card
    moved: tuple[str, ...]
    """What has another value than before, in words."""

    @property
    def sentence(self) -> str:
        """What was done and what came of it."""
        renewal = self.card.renewal
        assert renewal is not None
        return (
            f"The twin was recalibrated from {renewal.windows} windows: {', '.join(self.moved)}; on windows "
            f"it was not fitted to, its p95 is {renewal.error_after_percent:.0f} % off instead of "
            f"{renewal.error_before_percent:.0f} %."
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """The card stays as it is."""

    sentence: str
    """Why."""


def look_back(plain: TwinModel, card: Card | None, run: StoredRun) -> Renewed | Kept:
    """Look for a drift in a whole run, and fit the card anew to all that it shows since."""
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
    """Fit the card anew to what the run shows since a drift began; None while there is too little of it.

    The first part of the windows is fitted to and the rest foretold, by the old card and by the new one. If
    the new one is closer it is fitted to all of them and takes the old one's place, number by number: only
    what has moved by more than its standard errors allow is replaced, and of that only what the drift can
    come of. Few windows make chance findings elsewhere, and another drift is found by itself.

    Args:
        plain: The mesh by its manifests.
        card: The card in force, None for the manifests' numbers.
        goals: Of the mesh.
        run: Its records may begin earlier than the drift.
        drift: Since when they count, and what drifted.
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
    # Where either of them cannot tell, neither is judged.
    both = set.intersection(*({(r.cycle, r.edge) for r in rows} for rows in foretold))
    before, after = (errors(r for r in rows if (r.cycle, r.edge) in both) for rows in foretold)
    if drift.edge not in {edge for _, edge in both}:
        # As while there is more load than the service can carry: what a p95 is then, no card foretells.
        return None
    worse, better = _error(before), _error(after)
    renewed, moved = _fitted(old, card, replace(run, records=records), drift.edge)
    if not moved or better >= worse:
        return Kept(
            f"{drift.sentence}, but a card fitted to it foretells no better ({better:.0f} % off instead of "
            f"{worse:.0f} %), so the old one stays."
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
    """In percent, every service counting as much as any other."""
    return fmean(error.p95_error_percent for error in errors)


def calibrated_by(plain: TwinModel, card: Card | None, runs: Sequence[StoredRun]) -> Card:
    """The card with what has moved of the numbers that counts tell: service times, calls and starts.

    Hops and spreads rest on what queueing adds to latencies, which only a whole calibration takes off.
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
    """The card with what has moved of all that the edge's latency is made of, and these numbers in words."""
    # Of the old model, so that what the run does not tell is as it was.
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
