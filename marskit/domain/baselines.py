"""Usual values from earlier runs, number by number."""

from dataclasses import dataclass
from enum import StrEnum

MAD_TO_SIGMA = 1.4826
"""Factor from a median absolute deviation to a normal distribution's standard deviation
(Rousseeuw and Croux 1993)."""


class BucketKind(StrEnum):
    """The dimension that baselines are split by."""

    LOAD = "load"
    """The level of requests per second that enter the mesh, in steps of a quarter."""
    HOUR = "hour"
    """The hour of the scenario."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One number in one bucket."""

    metric: str
    """Name of the number, with its unit."""
    subject: str
    """The service or workload it is measured on."""
    bucket: int
    median: float
    """Median, in the metric's unit."""
    mad: float
    """The median absolute deviation from the median, unscaled, in the metric's unit; see `MAD_TO_SIGMA`."""
    n: int
    """Number of windows that both rest on."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """All numbers of the earlier runs of one mesh under one scenario."""

    rows: tuple[Baseline, ...]
    by: BucketKind = BucketKind.LOAD
    runs: int = 1
    """Number of runs that they were read from."""
