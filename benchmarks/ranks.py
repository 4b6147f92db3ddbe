"""How far two rankings agree."""

from collections.abc import Sequence

import numpy as np


def kendall_tau(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """How far two rankings agree, from -1 to 1, ties counting for neither (Kendall's tau-b, 1945)."""
    agreement = ties_ours = ties_theirs = pairs = 0
    for i in range(len(ours)):
        for j in range(i):
            a, b = np.sign(ours[i] - ours[j]), np.sign(theirs[i] - theirs[j])
            agreement += int(a * b)
            ties_ours += a == 0
            ties_theirs += b == 0
            pairs += 1
    possible = ((pairs - ties_ours) * (pairs - ties_theirs)) ** 0.5
    return agreement / possible if possible else 0.0
