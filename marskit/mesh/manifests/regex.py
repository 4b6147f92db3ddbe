"""Regular expressions as Envoy and Istio have them: RE2, and only whole strings match."""

from functools import lru_cache
from typing import Any

import re2

LARGEST_PROGRAM = 32_768
"""Size of a compiled expression that Istio allows its Envoys; Envoy's own default of 100 forbids `\\pL+`."""
LONGEST = 1024
"""Letters of an expression, as in Istio."""

_REFERENCES = "0123456789"


def problem(pattern: str) -> str | None:
    """Why the expression is refused, or None."""
    if len(pattern) > LONGEST:
        return f"a regular expression of at most {LONGEST} characters"
    compiled = _compiled(pattern)
    if isinstance(compiled, str):
        return f"a regular expression of RE2 ({compiled})"
    if compiled.programsize > LARGEST_PROGRAM:
        return (
            f"a smaller regular expression: its program has a size of {compiled.programsize}, and Envoy"
            f" allows {LARGEST_PROGRAM}"
        )
    return None


def matches(pattern: str, text: str) -> bool:
    """Whether a valid expression matches the whole text."""
    return _compiled(pattern).fullmatch(text) is not None


def substitution_problem(pattern: str, substitution: str) -> str | None:
    """Why a valid expression cannot be replaced by that, which may name groups of the match."""
    groups = _compiled(pattern).groups
    letters = iter(substitution)
    for letter in letters:
        if letter != "\\":
            continue
        following = next(letters, "")
        if following in _REFERENCES and following:
            if int(following) > groups:
                return f"a replacement whose groups exist: \\{following} is not one of \\0 to \\{groups}"
        elif following != "\\":
            return "a replacement in which a digit or another \\ follows every \\"
    return None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    """The compiled expression, or RE2's reason against it."""
    options = re2.Options()
    # RE2 would write to the terminal.
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0]
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
