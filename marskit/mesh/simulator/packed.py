"""Many arguments handed to compiled code as one."""

from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from marskit.mesh.simulator.jit import HAS_NUMBA

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Packed(Generic[T]):
    """A bundle of arguments."""

    parts: T


def packed(parts: T) -> Packed[T]:
    """The parts as `packed(parts).parts`, for repeated calls of compiled code.

    A tuple of arrays is unpacked array by array at every call, which takes longer than a step of one mesh. A
    reference that compiled code made itself is passed as it is.
    """
    if not HAS_NUMBA:
        return Packed(parts)
    from marskit.mesh.simulator.packing import pack

    return cast(Packed[T], pack(parts))
