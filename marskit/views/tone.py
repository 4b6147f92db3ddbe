"""The few meanings that a front end may colour; each is also told by a symbol or a word."""

from enum import StrEnum

from marskit.domain.records import Severity


class Tone(StrEnum):
    """What a piece of text means; the first four are also the levels of health."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"
    PLAIN = "plain"
    STRONG = "strong"
    DIM = "dim"
    ACCENT = "accent"
    """What is under way now, or what a person should look at first."""
    PERSON = "person"
    """What a person did, as opposed to the loop."""


SYMBOLS = {
    Tone.OK: "●",
    Tone.WARN: "▲",
    Tone.BAD: "✖",
    Tone.UNKNOWN: "○",
}
"""The levels of health without colour."""

_WORST_FIRST = (Tone.BAD, Tone.WARN, Tone.OK, Tone.UNKNOWN)


def worst(*levels: Tone) -> Tone:
    """The gravest of some levels of health; unknown only when all are."""
    return min(levels, key=_WORST_FIRST.index, default=Tone.UNKNOWN)


def of_verdict(met: bool | None) -> Tone:  # noqa: FBT001
    """The level of an objective that holds, does not, or cannot be judged."""
    if met is None:
        return Tone.UNKNOWN
    return Tone.OK if met else Tone.BAD


def of_severity(severity: Severity) -> Tone:
    """The level of a symptom or a notice."""
    return {Severity.INFO: Tone.DIM, Severity.WARNING: Tone.WARN, Severity.CRITICAL: Tone.BAD}[severity]
