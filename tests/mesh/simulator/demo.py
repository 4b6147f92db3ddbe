"""The demo mesh as the twin sees it."""

from functools import cache

from marskit.demo import DEMO_MANIFESTS
from marskit.domain.goals import Goals
from marskit.mesh.manifests.graph import goals
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.model import TwinModel


@cache
def demo_model() -> TwinModel:
    return twin_model(load_mesh(DEMO_MANIFESTS, mapping=None))


@cache
def demo_goals() -> Goals:
    return goals(load_mesh(DEMO_MANIFESTS, mapping=None))


def station(workload: str) -> int:
    """Where the workload is in the model's arrays."""
    return [s.workload for s in demo_model().stations].index(workload)


def edge(workload: str) -> int:
    """Where the edge that leads to the workload is in the model's arrays."""
    return [answering for _, answering in demo_model().edges()].index(workload)
