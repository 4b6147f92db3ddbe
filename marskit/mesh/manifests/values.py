"""The notations of Kubernetes and Istio for durations and quantities."""

import math
import re
from decimal import Decimal

_MS_PER_UNIT = {
    "ns": Decimal("0.000001"),
    "us": Decimal("0.001"),
    "µs": Decimal("0.001"),
    "ms": Decimal(1),
    "s": Decimal(1000),
    "m": Decimal(60_000),
    "h": Decimal(3_600_000),
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
LONGEST_DURATION_MS = (2**63 - 1) // 1_000_000
"""Go's longest duration, 292 years, which Kubernetes and Envoy share."""

_SUFFIXES = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("num", start=-3)},
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")
_LARGEST_EXPONENT = 100


def parse_duration_ms(text: str) -> int | None:
    """A Go duration (`1.5s`, `100ms`, `1m30s`) in ms; None if it is not one, or not a whole number of ms."""
    if text == "0":
        return 0
    total, end = Decimal(0), 0
    for part in _PART.finditer(text):
        if part.start() != end:
            return None
        total += Decimal(part[1]) * _MS_PER_UNIT[part[2]]
        end = part.end()
    fits = end == len(text) and total == int(total) and total <= LONGEST_DURATION_MS
    return int(total) if text and fits else None


def format_duration(ms: int) -> str:
    """The shortest usual notation: `2s` for 2000, `1500ms` for 1500."""
    return f"{ms}ms" if ms % 1000 else f"{ms // 1000}s"


def parse_quantity(text: str) -> Decimal | None:
    """A Kubernetes quantity (`50m`, `.5`, `1Gi`, `1e-1`, `250000u`); None if it is not one."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    if exponent is None:
        return Decimal(number) * _SUFFIXES[suffix or ""]
    if abs(int(exponent[:_LARGEST_EXPONENT])) > _LARGEST_EXPONENT:
        return None
    return Decimal(number) * Decimal(10) ** int(exponent)


def cpu_millis(quantity: Decimal) -> int:
    """A quantity of CPU in thousandths of a core, rounded up as Kubernetes does."""
    return math.ceil(quantity * 1000)
