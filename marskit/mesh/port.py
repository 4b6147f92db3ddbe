"""What the loop may ask of a mesh, whatever the mesh is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from marskit.domain.actions import Action
from marskit.domain.config import Configuration
from marskit.domain.events import MeshReady, Noticed, Progressed
from marskit.domain.faults import Fault
from marskit.domain.metrics import MeshSample
from marskit.domain.topology import Topology
from marskit.errors import UserError

MeshEvent = Progressed | MeshReady | Noticed
"""What a mesh reports by itself."""

SCALE_WAIT_S = 1.5
"""How long an action waits for new replicas before it reports them as still starting.

Less than the demo's control period, so that the loop misses none when it matters most."""


class MeshError(UserError):
    """The mesh cannot start or go on, with one sentence saying why."""


class ActionError(UserError):
    """An action that names something the mesh does not have, or a value it does not allow."""


@dataclass(frozen=True, slots=True)
class ActionPreview:
    """What an action would do, worked out before anything is written."""

    command: str
    """The exact `kubectl` command a person would type."""
    diff: str
    """The unified diff of the manifest; empty when the action would change nothing."""
    inverse: Action | None
    """What takes it back; None when the action would change nothing."""
    inverse_command: str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """The mesh runs the new configuration."""

    generation: int
    pushed_after_ms: float
    effective_after_ms: float | None
    """None when it becomes effective later, as a replica that still starts does."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was changed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The write may or may not have landed; the next observation tells."""

    reason: str


WriteOutcome = Applied | Rejected | Unknown


class Mesh(Protocol):
    """A service mesh that can be watched and changed.

    All methods are called on the controller's event loop and must not block it. `clock` readings come from
    the clock the adapter was built with.
    """

    @property
    def name(self) -> str:
        """The adapter's name: envoy, twin or cluster."""
        ...

    @property
    def topology(self) -> Topology:
        """The static graph; known before `start`."""
        ...

    @property
    def configuration(self) -> Configuration:
        """The configuration that was accepted last."""
        ...

    async def start(self, report: Callable[[MeshEvent], None]) -> str:
        """Bring the mesh up and return the gateway's URL once it answers.

        Raises:
            MeshError: It cannot start; everything that was started is gone again.
        """
        ...

    async def stop(self) -> None:
        """End everything that `start` began; safe to call twice and after a failed start."""
        ...

    async def sample(self) -> MeshSample:
        """What passed since the previous call (or since the start)."""
        ...

    def preview(self, action: Action) -> ActionPreview:
        """What the action would do now, without doing it.

        Raises:
            ActionError: The action does not fit this mesh.
        """
        ...

    async def execute(self, action: Action) -> WriteOutcome:
        """Change the mesh; returns when the change is effective, or pushed if that takes longer.

        An action that does not fit this mesh is `Rejected`, with the sentence that `preview` raises.

        Raises:
            MeshError: Whether the change landed is unknown.
        """
        ...

    async def inject(self, fault: Fault) -> None:
        """Break something, or take the breakage back.

        Raises:
            ActionError: The fault does not fit this mesh.
        """
        ...
