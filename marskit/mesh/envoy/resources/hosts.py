"""Comparison of host names with wildcards: `*` alone, or `*.` and a suffix."""


def covers(pattern: str, host: str) -> bool:
    """Whether `pattern` covers every name that `host` covers."""
    if pattern.startswith("*"):
        return host.removeprefix("*").endswith(pattern[1:])
    return pattern == host


def intersection(one: str, other: str) -> str | None:
    """The narrower of two host patterns, or None when no name fits both."""
    if covers(one, other):
        return other
    return one if covers(other, one) else None
