"""Quantiles of one mesh's moments, as the compiled code works them out for many."""

import math

import numpy as np

from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.latency import quantile


def quantile_s(q: float, moments: Floats) -> float:
    """The q-quantile in seconds of what (P, 4) moments describe, NaN when they hold no success."""
    if moments[:, 0].sum() <= 0.0:
        return math.nan
    return quantile(q, np.ascontiguousarray(moments[:, :, None]), 0, len(moments), 0)
