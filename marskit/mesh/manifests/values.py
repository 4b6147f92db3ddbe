"""The notations of Kubernetes and Istio for durations, quantities and regular expressions."""

import re
import warnings
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
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m?)")
# Features of RE2 that Python's `re` lacks; Envoy judges such expressions.
_RE2_ONLY = re.compile(r"\\[pPQzC]|\[\[:|\(\?[a-zA-Z]*U|\(\?<[A-Za-z]")
_LOOKAROUND = re.compile(r"(?<!\\)\(\?(=|!|<=|<!)|(?<!\\)\\[1-9]")


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
    return int(total) if text and end == len(text) and total == int(total) else None


def format_duration(ms: int) -> str:
    """The shortest usual notation: `2s` for 2000, `1500ms` for 1500."""
    return f"{ms}ms" if ms % 1000 else f"{ms // 1000}s"


def parse_cpu_millis(text: str) -> int | None:
    """A Kubernetes CPU quantity (`50m`, `0.5`) in thousandths of a core; None if it is not one."""
    match = _QUANTITY.fullmatch(text)
    return round(Decimal(match[1]) * (1 if match[2] else 1000)) if match else None


def regex_problem(pattern: str) -> str | None:
    """Why Envoy's RE2 would reject the expression, or None as far as can be decided here."""
    if _LOOKAROUND.search(pattern):
        return "a regular expression without lookaround and back references, which RE2 does not have"
    if _RE2_ONLY.search(pattern):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error as error:
        return f"a regular expression ({error})"
    return None
