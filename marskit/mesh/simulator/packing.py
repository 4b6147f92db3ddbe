"""Arguments of compiled code packed as one; only where Numba is installed."""

from typing import Any

from numba.typed import List

from marskit.mesh.simulator.jit import jit


@jit
def pack(parts: Any) -> Any:
    """A list of Numba's own that holds nothing but the parts."""
    packed = List()
    packed.append(parts)
    return packed
