"""One replica of a Deployment, as its supervisor keeps it in mind."""

import asyncio

from marskit.system.processes import Child


class Replica:
    """One replica; after a restart it has a new process and port but the same name, like a pod."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.chaos_token = ""
        """What its present process wants to see of whoever injects faults."""
        self.child: Child | None = None
        self.ready = False
        self.leaving = False
        self.hung = False
        """Whether its process was stopped on purpose."""
        self.ready_since_s = 0.0
        """On the event loop's clock."""
        self.served_since_s: float | None = None
        """When its present process became ready first; None before."""
        self.failed = ""
        """Why its present process is being ended, if the reason is a probe."""
        self.crashes = 0
        """Number of successive crashes without becoming stable."""
        self.task: asyncio.Task[None] | None = None

    @property
    def serving(self) -> bool:
        """Whether requests may be sent to it."""
        return self.ready and not self.leaving and not self.failed
