"""The situations of recorded runs, to find those similar to the present one."""

from pathlib import Path
from typing import TYPE_CHECKING

from marskit.domain.diagnosis import Diagnosis
from marskit.domain.events import RunStarted
from marskit.domain.goals import Goals
from marskit.domain.similar import Similar
from marskit.domain.topology import Topology
from marskit.knowledge.read.dataset import Dataset
from marskit.planning import PlanningView

if TYPE_CHECKING:
    from marskit.knowledge.questions.situation_index import SituationIndex

MOST_CYCLES = 20_000
"""Number of cycles up to which the newest runs are used: a look-up then takes a millisecond."""
MOST_RUNS = 200
"""Number of newest runs in the store to consider; the description of each must be read."""
SHOWN = 3
FOLLOWED = 10
"""Number of cycles for which a past situation is followed."""
FARTHEST = 1.0
"""Distance above which a situation is not shown, even if none is closer: two random cycles of normally
distributed features differ by 1.4 standard deviations."""


class RecordedSituations:
    """Looks up, in memory, situations similar to the present one; see `marskit.planning.SituationLookup`."""

    def __init__(self, index: "SituationIndex") -> None:
        """Take the index of the earlier runs."""
        self._index = index

    def similar(self, diagnosis: Diagnosis, view: PlanningView) -> tuple[Similar, ...]:
        """See `Past`."""
        from marskit.knowledge.questions.situation_features import TREND_CYCLES, situation_of

        load = view.cycles[-TREND_CYCLES].observation.load if len(view.cycles) >= TREND_CYCLES else None
        now = situation_of(view.observation, diagnosis, load.sent_requests_per_s if load else None)
        found = self._index.nearest(now, k=SHOWN, after=FOLLOWED)
        return tuple(each for each in found if each.distance <= FARTHEST)


def recorded_situations(
    root: Path | str, run: str, mesh: str, topology: Topology, goals: Goals
) -> RecordedSituations | None:
    """The situations of the newest runs with the same mesh, graph and goals; None without any.

    Unreadable runs are skipped: `marskit runs` reports them.

    Args:
        root: The store of runs.
        run: The present run, which is not its own past.
        mesh: The adapter's name.
        topology: The graph.
        goals: The goals that define SLO violations.
    """
    import polars as pl

    from marskit.knowledge.questions.situation_index import SituationIndex

    def is_alike(started: RunStarted) -> bool:
        return (started.mesh, started.topology, started.goals) == (mesh, topology, goals)

    dataset = Dataset(root)
    newest = [each for each in reversed(dataset.runs()) if each != run][:MOST_RUNS]
    chosen: list[str] = []
    cycles = 0
    for started in filter(is_alike, dataset.heads(newest)):
        cycles += dataset.scan("cycles", [started.run]).select(pl.len()).collect().item()
        # A run that is longer is used alone.
        if chosen and cycles > MOST_CYCLES:
            break
        chosen.append(started.run)
    return RecordedSituations(SituationIndex.build(dataset, chosen)) if cycles else None
