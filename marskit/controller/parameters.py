"""What a run is started with, besides its mesh, its load and its knowledge."""

from collections.abc import Callable
from dataclasses import dataclass

from marskit.domain.events import Parent
from marskit.domain.goals import Goals
from marskit.domain.records import Mode
from marskit.planning import Planner


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one run."""

    run: str
    """The run's id."""
    seed: int
    goals: Goals
    make_planner: Callable[[str], Planner]
    """The planner of that name, fresh."""
    planners: tuple[str, ...]
    """All planners that may be chosen."""
    planner: str
    mode: Mode = Mode.AUTO
    period_s: float = 2.0
    """Real seconds from one cycle's start to the next while running."""
    sample_period_s: float = 0.5
    """Real seconds from one reading of mesh and load to the next."""
    window_s: float = 5.0
    """How many real seconds one observation covers."""
    least_seen_s: float = 0.0
    """Real seconds of load that must have been seen before a planner is asked."""
    parent: Parent | None = None
    """The run that this one branches from."""
    guard: bool = True
    """Whether what turns out worse than predicted is taken back."""
    busy_ms: tuple[tuple[str, float], ...] = ()
    """For how long a request keeps all workers of one replica busy, by workload, where that is known."""
