"""What the runs on the disk say is usual for one mesh under one scenario."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from marskit.domain.baselines import Baselines
from marskit.domain.events import FaultInjected
from marskit.domain.faults import ClearFaults, KillReplica
from marskit.domain.records import Observation
from marskit.domain.topology import Topology
from marskit.knowledge.dataset import Dataset
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.queries import load_run
from marskit.knowledge.record import Record
from marskit.mapek.baselines import baselines_of

MOST_RUNS = 5
"""The newest runs are asked; what is usual changes with the machine and the manifests."""


def recorded_baselines(root: Path | str, mesh: str, scenario: str, topology: Topology) -> Baselines | None:
    """The baselines of the newest runs with the same mesh, scenario and graph; None without any.

    What cannot be read is left out: `marskit runs` says what that is.
    """
    dataset = Dataset(root)
    observations: list[Observation] = []
    runs = 0
    # This is done at every start: of a run that is no help, only what it was is read.
    for started in dataset.heads(dataset.runs()[::-1]):
        if (started.mesh, started.scenario.name, started.topology) != (mesh, scenario, topology):
            continue
        try:
            records = load_run(root, started.run).records
        except KnowledgeError:
            continue
        if calm := list(calm_observations(records)):
            observations += calm
            runs += 1
        if runs == MOST_RUNS:
            break
    return baselines_of(observations, runs=runs) if observations else None


def calm_observations(records: Iterable[Record]) -> Iterator[Observation]:
    """What was seen while nobody had broken anything and no objective was missed; no two windows overlap."""
    broken, calm_from_s, told_s = False, 0.0, 0.0
    for record in records:
        for incident in record.incidents:
            if isinstance(incident, FaultInjected):
                broken = not isinstance(incident.fault, ClearFaults | KillReplica) or (
                    broken and isinstance(incident.fault, KillReplica)
                )
                # What is over still stands in the window, and a replica that was killed starts anew.
                calm_from_s = incident.at_s + record.cycle.observation.window_s
        seen = record.cycle.observation
        begun_s = seen.at_s - seen.window_s
        if broken or record.slo_met is False or begun_s < max(calm_from_s, told_s) or not seen.window_s:
            continue
        told_s = seen.at_s
        yield seen
