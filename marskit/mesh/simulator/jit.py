"""Numba where it is installed; without it the same functions run as plain Python, only slower.

It is loaded when the first function is compiled: a planner that encodes one observation now and then does not
need it.
"""

import hashlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar, cast

from marskit.system.import_root import IMPORT_ROOT
from marskit.system.private_files import UnsafeFolderError, make_private_folder
from marskit.system.user_cache import CacheError, user_cache

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

HAS_NUMBA = find_spec("numba") is not None
# Nothing here produces a NaN or an infinity, so the compiler need not consider them.
_FASTMATH = {"nnan", "ninf", "nsz", "contract"}
_OPTIONS = {"error_model": "numpy", "fastmath": _FASTMATH}
_waiting: list[Callable[..., Any]] | None = []
"""Functions that await the compiler; None once it is loaded."""


def jit(function: F) -> F:
    """Compiled on the first call and kept in the user's cache between runs, where there can be one."""
    if not HAS_NUMBA:
        return function
    numba = _numba()
    # Without a folder named, Numba would write beside the sources, which may be an installed package.
    kept = bool(numba.config.CACHE_DIR)
    return cast(F, numba.njit(cache=kept, nogil=True, **_OPTIONS)(function))


def inline(function: F) -> F:
    """Compiled into its callers."""
    if not HAS_NUMBA:
        return function
    return cast(F, _numba().njit(forceinline=True, **_OPTIONS)(function))


def shared(function: F) -> F:
    """Compiled into its compiled callers, and plain Python for all others.

    A single call finishes long before a compiler would, and the loop cannot wait seconds for one.
    """
    if HAS_NUMBA:
        if _waiting is None:
            _share(function)
        else:
            _waiting.append(function)
    return function


def entry(function: F, *arguments: Any) -> F:
    """The machine code of a compiled function, for arguments of the types of these.

    A call of the function itself first looks up the code for its argument types, which takes a fifth of a
    step of one mesh. The result skips that: arguments of other types are misread.
    """
    compiled: Any = function
    if not hasattr(compiled, "overloads"):
        return function
    signature = tuple(_numba().typeof(argument) for argument in arguments)
    compiled.compile(signature)
    return cast(F, compiled.overloads[signature].entry_point)


def _numba() -> Any:
    global _waiting
    import numba

    if _waiting is not None:
        waiting, _waiting = _waiting, None
        config: Any = numba.config
        config.CACHE_DIR = config.CACHE_DIR or _cache()
        for function in waiting:
            _share(function)
    return numba


def _cache() -> str:
    """A separate folder for every state of the sources; empty if it cannot be made.

    Numba checks whether a function's own file has changed, but not the files of the code compiled into it.
    """
    package = IMPORT_ROOT / "marskit"
    sources = [
        *sorted((package / "mesh" / "simulator").glob("*.py")),
        *sorted((package / "env").glob("*.py")),
    ]
    state = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    try:
        folder = user_cache() / "numba" / state
        # What others could have put there would be run as this user.
        for each in (folder.parent.parent, folder.parent, folder):
            make_private_folder(each)
    except (OSError, CacheError, UnsafeFolderError):
        return ""
    return str(folder)


def _share(function: Callable[..., Any]) -> None:
    from numba.extending import register_jitable

    register_jitable(forceinline=True, **_OPTIONS)(function)
