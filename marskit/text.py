"""Numbers and their units as text: the one place where every front end takes the format from."""

from collections.abc import Iterable

NOTHING = "—"
"""Shown in place of a number that is not known."""


def total(counts: Iterable[int | None]) -> int | None:
    """The sum; None if any count is not known."""
    known = tuple(counts)
    return None if None in known else sum(count for count in known if count is not None)


def ms(value: float | None) -> str:
    """A latency: `8.1 ms`, `812 ms`, `12.3 s`."""
    if value is None:
        return NOTHING
    if value >= 9_999.5:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 9.95 else f"{value:.1f} ms"


def quantile(value_ms: float | None, *, trusted: bool) -> str:
    """A latency quantile, marked `~` when too few samples support it."""
    if value_ms is None:
        return NOTHING
    return ms(value_ms) if trusted else f"~{ms(value_ms)}"


def number(value: float | None) -> str:
    """A count or rate without its unit: `0`, `4.2`, `81`, `12.3k`."""
    if value is None:
        return NOTHING
    if abs(value) >= 9_999.5:
        return f"{value / 1000:.1f}k"
    return f"{value:.0f}" if abs(value) >= 9.95 or value == 0 else f"{value:.1f}"


def rate(requests_per_s: float | None) -> str:
    """A request rate: `41 req/s`."""
    return NOTHING if requests_per_s is None else f"{number(requests_per_s)} req/s"


def per_second(value: float | None) -> str:
    """A rate where there is little room: `41/s`."""
    return f"{number(value)}/s"


def percent(value: float | None) -> str:
    """A share: `0 %`, `0.4 %`, `97 %`, `99.6 %`; prints 0 or 100 only for exactly that value."""
    if value is None:
        return NOTHING
    near = 0 < abs(value) < 9.95 or 99 < value < 100
    text = f"{value:.1f}" if near else f"{value:.0f}"
    if text == "0.0":
        return "<0.1 %"
    return ">99.9 %" if text == "100.0" else f"{text} %"


def share(fraction: float | None) -> str:
    """A fraction of 1 as a whole percentage: `83 %`."""
    return NOTHING if fraction is None else f"{100 * fraction:.0f} %"


def measured(metric: str, value: float) -> str:
    """A number in the unit that its name ends with: `latency_p95_ms`, `error_percent`, `utilisation`."""
    if metric.endswith("_ms"):
        return ms(value)
    if metric.endswith("_percent"):
        return percent(value)
    return share(value) if metric == "utilisation" else f"{value:g}"


_MEASURES = {
    "latency_p95_ms": "p95",
    "canary_latency_p50_ms": "the canary's p50",
    "control_latency_p50_ms": "its control's p50",
    "canary_error_percent": "the canary's errors",
    "control_error_percent": "its control's errors",
    "own_error_percent": "own errors",
    "error_percent": "errors",
    "busy_per_request_ms": "work per request",
    "own_latency_ms": "own time",
    "p_value": "probability by chance",
    "robust_z": "deviation from usual",
    "cusum": "summed deviation",
    "queued": "waiting requests",
    "in_flight": "requests in flight",
}


def measure_name(metric: str) -> str:
    """A measure's name in words; its unit stands beside its value."""
    plain = metric
    for unit in ("_ms", "_percent", "_s"):
        plain = plain.removesuffix(unit)
    return _MEASURES.get(metric, plain.replace("_", " "))


def weight(weight_percent: int | None, share_percent: float | None) -> str:
    """The configured weight of a destination and its observed share: `50→48 %`."""
    if weight_percent is None:
        return ""
    seen = NOTHING if share_percent is None else f"{share_percent:.0f}"
    return f"{weight_percent}→{seen} %"


def replicas(ready: int | None, desired: int | None) -> str:
    """Ready and desired replicas: `2/3`."""
    return f"{whole(ready)}/{whole(desired)}"


def whole(value: int | None) -> str:
    """A whole number: `3`."""
    return NOTHING if value is None else str(value)


def count(value: int | None, noun: str) -> str:
    """A count that may not be known, with its noun: `— replicas`."""
    return f"{NOTHING} {noun}s" if value is None else plural(value, noun)


def factor(value: float) -> str:
    """A factor on the load: `×1.5`."""
    return f"×{value:g}"


def pace(value: float | None) -> str:
    """The pace of a twin's time: `×1`, or that nothing limits it."""
    return "unlimited" if value is None else factor(value)


def clock(seconds: float) -> str:
    """Time since the run began: `02:13`, `1:02:13`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes:02}:{seconds_left:02}"


def duration(seconds: float) -> str:
    """A duration in its largest useful unit: `8 s`, `10 min`, `24 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def signed(value: float) -> str:
    """A term of a sum with its sign: `+41`, `−3.2`, `0`."""
    text = number(abs(value))
    if text == "0" or float(text.rstrip("k")) == 0:
        return "0"
    return f"{'+' if value > 0 else '−'}{text}"


def more(count: int) -> str:
    """What does not fit: `… 6 more`."""
    return f"… {count} more"


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 replica`, `3 replicas`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
