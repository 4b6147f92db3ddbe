"""The users' requests of each cycle, from counters that grow over the whole run."""

from marskit.domain.load import ClientCounts
from marskit.domain.observation import MeshCounts, Observation


class CycleCounts:
    """Remembers the counters at the end of the previous cycle, so that no request counts twice or never."""

    def __init__(self) -> None:
        self._entered = MeshCounts()
        self._client = ClientCounts()

    def since_last(self, observation: Observation) -> tuple[MeshCounts | None, ClientCounts | None]:
        """What the mesh and the clients counted since the previous call; None for a side that is silent."""
        entered, client = observation.entered, observation.load.counts if observation.load else None
        both = (
            None if entered is None else entered.since(self._entered),
            None if client is None else client.since(self._client),
        )
        self._entered, self._client = entered or self._entered, client or self._client
        return both
