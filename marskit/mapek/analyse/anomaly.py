"""Anomaly detection: is a number far from its usual value, or slightly off for a long time?

* Robust z-score: the distance from the median in standard deviations, these estimated from the median
  absolute deviation (Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers", whose limit is 3.5).
* CUSUM: the sum of distances beyond a slack (Page 1954, "Continuous Inspection Schemes", Biometrika).
  With a slack of 0.75 and a limit of 10, a false alarm comes every 1.7e7 windows if distances are normal and
  independent (Siegmund 1985: (exp(2kb) - 2kb - 1) / (2k^2), b = h + 1.166); a shift of 2 is found after 8.

Only windows that do not overlap are counted. Only increases, which are the bad direction, are reported.
"""

from dataclasses import dataclass
from math import sqrt

from marskit.domain.diagnosis import Evidence, Severity, Symptom, SymptomKind
from marskit.mapek.analyse.baselines import Usual
from marskit.mapek.monitor.measures import BUSY, ERRORS, LATENCY, Measure

OUTLIER = 3.5
IN_A_ROW = 2
"""Number of successive outliers that raise an alarm: with so many numbers, a single one is chance."""
CALM = 2.0
"""Distance in standard deviations below which successive windows end an alarm."""
SLACK = 0.75
LIMIT = 10.0
CLIP = 3.0
"""Most that a single window adds to the sum: CUSUM is for lasting changes."""
NEW_NORMAL = 40
"""Number of windows after which a lasting value becomes the usual one."""
SERVICE_CV = 0.6
"""Coefficient of variation of service times, where no deviation was measured."""
_LEAST_ERROR = 0.005
_NAMES = {
    LATENCY: "p95",
    ERRORS: "the share of errors",
    BUSY: "the service demand",
}


def sigma(each: Measure, usual: Usual) -> float:
    """The standard deviation to compare with: the measured one, but never less than chance alone gives."""
    n = max(1, each.n)
    if each.metric == ERRORS:
        share = min(1.0, max(usual.median / 100.0, _LEAST_ERROR))
        least = 100.0 * sqrt(share * (1.0 - share) / n)
    elif each.metric == BUSY:
        least = usual.median * sqrt(SERVICE_CV**2 / n + 0.05**2)
    else:
        least = 0.1 * usual.median + 1.0
    return max(usual.sigma, least)


def distance(each: Measure, usual: Usual) -> float:
    """The robust z-score."""
    return (each.value - usual.median) / sigma(each, usual)


@dataclass(slots=True)
class _Track:
    """The state kept for one number."""

    high: int = 0
    calm: int = 0
    sum: float = 0.0
    raised: SymptomKind | None = None
    lasted: int = 0
    newest: Symptom | None = None


class AnomalyDetector:
    """Watches all numbers of one run."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[str, str], _Track] = {}

    def add(self, each: Measure, usual: Usual, window_s: float) -> bool:
        """Add a number of the next window; returns whether it should be learned from."""
        track = self._tracks.setdefault((each.metric, each.subject), _Track())
        z = distance(each, usual)
        track.high = track.high + 1 if z > OUTLIER else 0
        track.calm = track.calm + 1 if z < CALM else 0
        track.sum = max(0.0, track.sum + min(z, CLIP) - SLACK)
        if track.raised is None:
            if track.high >= IN_A_ROW:
                track.raised = SymptomKind.ANOMALY
            elif track.sum > LIMIT:
                track.raised = SymptomKind.DRIFT
            track.lasted = 0
        elif track.calm >= IN_A_ROW or track.lasted >= NEW_NORMAL:
            track.raised, track.sum = None, 0.0
        track.lasted += 1
        track.newest = _symptom(track, each, usual, z, window_s) if track.raised else None
        return track.raised is None and z < OUTLIER

    def symptoms(self) -> tuple[Symptom, ...]:
        """The active alarms."""
        return tuple(track.newest for track in self._tracks.values() if track.newest)


def _symptom(track: _Track, each: Measure, usual: Usual, z: float, window_s: float) -> Symptom:
    unit = " ms" if each.metric.endswith("_ms") else " %"
    what = f"{_NAMES[each.metric]} of {each.subject}"
    limit = usual.median + OUTLIER * sigma(each, usual)
    evidence = [Evidence(each.metric, each.value, limit, each.n, window_s)]
    compared = f"is {each.value:.3g}{unit}, usually {usual.median:.3g}{unit}"
    if track.raised is SymptomKind.ANOMALY:
        evidence.append(Evidence("robust_z", round(z, 1), OUTLIER, usual.n, window_s))
        sentence = f"{what} {compared}: {z:.1f} standard deviations away."
    else:
        evidence.append(Evidence("cusum", round(track.sum, 1), LIMIT, usual.n, window_s))
        sentence = f"{what} {compared}: a small deviation, but for {track.lasted + 1} windows."
    assert track.raised is not None
    return Symptom(
        track.raised, Severity.WARNING, each.subject, tuple(evidence), sentence[0].upper() + sentence[1:]
    )
