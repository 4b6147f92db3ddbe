"""Numba where it is installed; without it the same functions run as plain Python, only slower."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

try:
    import numba

    HAS_NUMBA = True
except ImportError:
    HAS_NUMBA = False

# Nothing here makes a NaN or an infinity, so the compiler need not look out for them.
_FASTMATH = {"nnan", "ninf", "nsz", "contract"}


def jit(function: F) -> F:
    """Compiled on the first call and kept on the disk between runs."""
    if not HAS_NUMBA:
        return function
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FASTMATH)(function))


def inline(function: F) -> F:
    """Compiled into its callers."""
    if not HAS_NUMBA:
        return function
    return cast(F, numba.njit(forceinline=True, error_model="numpy", fastmath=_FASTMATH)(function))
