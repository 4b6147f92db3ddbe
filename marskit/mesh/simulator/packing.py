"""Packs arguments of compiled code into one; used only with Numba."""

from typing import Any

from numba import types
from numba.experimental import structref

from marskit.mesh.simulator.jit import jit


@structref.register
class _Type(types.StructRef):
    """The type of `Pack` in compiled code."""


class Pack(structref.StructRefProxy):
    """A reference to the parts, counted by Numba; only compiled code reads them."""


structref.define_proxy(Pack, _Type, ["parts"])  # type: ignore[no-untyped-call]


@jit
def pack(parts: Any) -> Any:
    """The parts behind one reference."""
    return Pack(parts)  # type: ignore[no-untyped-call]
