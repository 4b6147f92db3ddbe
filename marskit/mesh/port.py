"""The loop's interface to a mesh."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from marskit.domain.actions import Action
from marskit.domain.capabilities import Capabilities
from marskit.domain.config import Configuration
from marskit.domain.events import ConfigurationChanged, FaultEnded, MeshReady, Noticed, Progressed
from marskit.domain.faults import Fault
from marskit.domain.metrics import MeshSample
from marskit.domain.topology import Topology
from marskit.errors import UserError

MeshEvent = Progressed | MeshReady | Noticed | ConfigurationChanged | FaultEnded
"""Events that a mesh reports by itself."""

SCALE_WAIT_S = 1.5
"""Time that an action waits for new replicas before it reports them as still starting, in seconds.

Less than the demo's control period, so that no cycle is lost at the worst moment."""


class MeshError(UserError):
    """The mesh cannot start or continue; one sentence says why."""


class ActionError(UserError):
    """An action whose target does not exist in the mesh, or whose value is not allowed."""


@dataclass(frozen=True, slots=True)
class ActionPreview:
    """What an action would do, worked out before anything is written."""

    command: str
    """The exact `kubectl` command a person would type."""
    diff: str
    """The unified diff of the manifest; empty if the action would change nothing."""
    inverse: Action | None
    """What takes it back; None when the action would change nothing."""
    inverse_command: str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """The mesh runs the new configuration."""

    generation: int
    pushed_after_ms: float
    effective_after_ms: float | None
    """None if it becomes effective later, like a replica that is still starting."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was changed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The write may or may not have been applied; the next observation will show."""

    reason: str


WriteOutcome = Applied | Rejected | Unknown


class Mesh(Protocol):
    """A service mesh that can be observed and changed.

    All methods are called on the controller's event loop and must not block it. `clock` readings come from
    the clock the adapter was built with.
    """

    @property
    def name(self) -> str:
        """The adapter's name, for people and for finding runs of the same mesh; see `capabilities`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the mesh can do and measure; constant, and known before `start`."""
        ...

    @property
    def topology(self) -> Topology:
        """The static graph; known before `start`."""
        ...

    @property
    def configuration(self) -> Configuration:
        """The configuration accepted last."""
        ...

    async def start(self, report: Callable[[MeshEvent], None]) -> str:
        """Start the mesh and return the gateway's URL once it responds.

        Raises:
            MeshError: It cannot start; everything that was started has been stopped.
        """
        ...

    async def stop(self) -> None:
        """Stop everything that `start` began; safe to call twice and after a failed start."""
        ...

    async def sample(self) -> MeshSample:
        """The traffic since the previous call (or since the start)."""
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
        """Inject a fault, or clear the faults.

        Raises:
            ActionError: The fault does not fit this mesh.
        """
        ...
