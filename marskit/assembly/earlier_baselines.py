"""Baselines of the recorded runs of one mesh under one scenario."""

from collections.abc import Sequence
from pathlib import Path

from marskit.domain.baselines import Baselines
from marskit.domain.observation import Observation
from marskit.domain.topology import Topology
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.dataset import Dataset
from marskit.knowledge.read.fault_free_windows import apart, quiet
from marskit.knowledge.read.runs import load_run
from marskit.knowledge.record import Record
from marskit.mapek.analyse.baselines import baselines_of

MOST_RUNS = 5
"""Number of newest runs used; usual values change with the machine and the manifests."""


def recorded_baselines(root: Path | str, mesh: str, scenario: str, topology: Topology) -> Baselines | None:
    """The baselines of the newest runs with the same mesh, scenario and graph; None without any.

    Unreadable runs are skipped: `marskit runs` reports them.
    """
    dataset = Dataset(root)
    observations: list[Observation] = []
    runs = 0
    # This runs at every start: of an unsuitable run, only the description is read.
    for started in dataset.heads(dataset.runs()[::-1]):
        if (started.mesh, started.scenario.name, started.topology) != (mesh, scenario, topology):
            continue
        try:
            records = load_run(root, started.run).records
        except KnowledgeError:
            continue
        if calm := calm_observations(records):
            observations += calm
            runs += 1
        if runs == MOST_RUNS:
            break
    return baselines_of(observations, runs=runs) if observations else None


def calm_observations(records: Sequence[Record]) -> tuple[Observation, ...]:
    """Observations of fault-free windows without an SLO violation; no two of them overlap.

    A violation without a fault, for lack of replicas, must be reported as unusual later.
    """
    calm = (record for record in quiet(records) if record.slo_met is not False)
    return tuple(record.cycle.observation for record in apart(calm))
