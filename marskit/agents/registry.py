"""Every planner by the name it is chosen by."""

from collections.abc import Callable, Mapping

from marskit.agents.hpa import Hpa
from marskit.agents.static import Static
from marskit.agents.threshold import Threshold
from marskit.domain.topology import Topology
from marskit.planning import Planner

PLANNERS: Mapping[str, Callable[[Topology], Planner]] = {
    "static": lambda topology: Static(),
    "threshold": lambda topology: Threshold(),
    "hpa": lambda topology: Hpa(),
}


class UnknownPlanner(ValueError):
    """A planner asked for by a name that none has."""


def make_planner(name: str, topology: Topology) -> Planner:
    """A new planner of that name.

    Raises:
        UnknownPlanner: There is none; the sentence lists those there are.
    """
    try:
        factory = PLANNERS[name]
    except KeyError:
        raise UnknownPlanner(f"There is no planner {name!r}; choose one of {', '.join(PLANNERS)}.") from None
    return factory(topology)
