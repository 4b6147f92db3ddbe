"""What earlier runs say is usual, number by number."""

from dataclasses import dataclass
from enum import StrEnum

MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation is that many median absolute deviations
(Rousseeuw and Croux 1993)."""


class BucketKind(StrEnum):
    """What baselines are told apart by."""

    LOAD = "load"
    """The level of requests per second that enter the mesh, in steps of a quarter."""
    HOUR = "hour"
    """The hour of the scenario."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One number in one bucket."""

    metric: str
    """Its name, with its unit."""
    subject: str
    """The service or workload it is measured on."""
    bucket: int
    median: float
    """In the metric's unit."""
    mad: float
    """The median absolute deviation from the median, unscaled, in the metric's unit; see `MAD_TO_SIGMA`."""
    n: int
    """Windows behind both."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """All numbers of the earlier runs of one mesh under one scenario."""

    rows: tuple[Baseline, ...]
    by: BucketKind = BucketKind.LOAD
    runs: int = 1
    """How many runs they were read from."""
