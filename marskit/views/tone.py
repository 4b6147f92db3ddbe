"""The few meanings that a front end may colour; a symbol or a word always carries the same meaning."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.diagnosis import Severity


class Tone(StrEnum):
    """The meaning of a piece of text; the first four are also the levels of health."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"
    PLAIN = "plain"
    STRONG = "strong"
    DIM = "dim"
    ACCENT = "accent"
    """What is under way, or what a person should look at first."""
    PERSON = "person"
    """A person's doing, as opposed to the loop's."""
    P50 = "p50"
    """A curve that others are compared with; it is dotted too."""
    P95 = "p95"
    """The curve to look at."""
    SLO = "slo"
    """A limit across the curves."""
    AXIS = "axis"
    """A curve or a line that only measures."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text and its meaning; a front end puts the spaces between pieces."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Fact:
    """A named value, such as an entry of a legend."""

    name: Part
    value: Part
    mark: str = ""
    """How its curve is drawn, in one character."""
    is_extra: bool = False
    """Whether it is left out first where there is little room."""


SYMBOLS = {
    Tone.OK: "●",
    Tone.WARN: "▲",
    Tone.BAD: "✖",
    Tone.UNKNOWN: "○",
}
"""Symbols for the levels of health, for readers without colour."""

_WORST_FIRST = (Tone.BAD, Tone.WARN, Tone.OK, Tone.UNKNOWN)


def worst(*levels: Tone) -> Tone:
    """The worst of some levels of health; unknown only if all are."""
    return min(levels, key=_WORST_FIRST.index, default=Tone.UNKNOWN)


def of_verdict(met: bool | None) -> Tone:  # noqa: FBT001
    """The level for an SLO that is met, violated, or cannot be judged."""
    if met is None:
        return Tone.UNKNOWN
    return Tone.OK if met else Tone.BAD


def of_severity(severity: Severity) -> Tone:
    """The level of a symptom or a notice."""
    return {Severity.INFO: Tone.DIM, Severity.WARNING: Tone.WARN, Severity.CRITICAL: Tone.BAD}[severity]
