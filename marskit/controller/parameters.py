"""The settings of a run, besides its mesh, its load and its knowledge."""

from collections.abc import Callable
from dataclasses import dataclass

from marskit.domain.events import Parent
from marskit.domain.goals import Goals
from marskit.domain.records import Mode
from marskit.planning import Planner


@dataclass(frozen=True, slots=True)
class RunParameters:
    """The parameters of one run."""

    run: str
    """The run's id."""
    seed: int
    goals: Goals
    make_planner: Callable[[str], Planner]
    """Makes a new planner of that name."""
    planners: tuple[str, ...]
    """All planners to choose from."""
    planner: str
    mode: Mode = Mode.AUTO
    period_s: float = 2.0
    """Real seconds from one cycle's start to the next while running."""
    sample_period_s: float = 0.5
    """Real seconds from one reading of mesh and load to the next."""
    window_s: float = 5.0
    """Length of the window of one observation, in real seconds."""
    least_seen_s: float = 0.0
    """Real seconds of load that must have been observed before the first plan."""
    parent: Parent | None = None
    """The run that this one branches from."""
    guard: bool = True
    """Whether plans that turn out worse than predicted are rolled back."""
    busy_ms: tuple[tuple[str, float], ...] = ()
    """Time for which a request keeps all workers of one replica busy, by workload, where known."""
