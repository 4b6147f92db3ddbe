from collections.abc import Callable

import pytest

from marskit.domain.actions import Action, Scale, describe
from marskit.domain.capabilities import Capabilities
from marskit.domain.config import Configuration
from marskit.domain.faults import Fault
from marskit.domain.metrics import MeshSample
from marskit.domain.records import Origin, Outcome
from marskit.domain.topology import Topology
from marskit.mapek.execute.execute import execute, withhold
from marskit.mesh.port import ActionError, ActionPreview, Applied, MeshError, MeshEvent, Rejected, Unknown
from marskit.mesh.port import WriteOutcome as MeshOutcome
from tests.fakes import CAPABILITIES
from tests.mapek.mesh import TOPOLOGY, configuration

APPLIED = Applied(7, pushed_after_ms=9.0, effective_after_ms=23.4)


class ScriptedMesh:
    """Previews scalings truthfully and answers each write with the outcome it was given."""

    name = "scripted"
    topology: Topology = TOPOLOGY

    def __init__(self, outcome: MeshOutcome | Exception = APPLIED) -> None:
        self.configuration: Configuration = configuration()
        self.outcome = outcome
        self.log: list[str] = []

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def start(self, report: Callable[[MeshEvent], None]) -> str:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    async def sample(self) -> MeshSample:
        raise NotImplementedError

    async def inject(self, fault: Fault) -> None:
        raise NotImplementedError

    def preview(self, action: Action) -> ActionPreview:
        self.log.append("preview")
        if not isinstance(action, Scale) or action.workload not in dict(self.configuration.replicas):
            raise ActionError(f"{describe(action)} does not fit this mesh.")
        now = self.configuration.replicas_of(action.workload)
        if action.replicas == now:
            return ActionPreview(_command(action), "", None, None)
        inverse = Scale(action.workload, now)
        diff = f"-replicas: {now}\n+replicas: {action.replicas}\n"
        return ActionPreview(_command(action), diff, inverse, _command(inverse))

    async def execute(self, action: Action) -> MeshOutcome:
        self.log.append("execute")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def _command(action: Scale) -> str:
    return f"kubectl scale deployment/{action.workload} --replicas={action.replicas}"


class StoppedClock:
    def now(self) -> float:
        return 42.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("execute waits for the mesh, not for time")


async def test_the_inverse_is_worked_out_before_the_write() -> None:
    mesh = ScriptedMesh()
    done = await execute(mesh, Scale("payments", 3), id=5, origin=Origin.PLANNER, clock=StoppedClock())
    assert mesh.log == ["preview", "execute"]
    assert (done.id, done.origin, done.at_s, done.outcome) == (5, Origin.PLANNER, 42.0, Outcome.APPLIED)
    assert done.command == "kubectl scale deployment/payments --replicas=3"
    assert done.inverse == Scale("payments", 1)
    assert done.inverse_command == "kubectl scale deployment/payments --replicas=1"
    assert (done.generation, done.pushed_after_ms, done.effective_after_ms) == (7, 9.0, 23.4)
    assert done.reason == "effective after 23 ms"


async def test_what_becomes_effective_later_says_so() -> None:
    mesh = ScriptedMesh(Applied(7, 9.0, None))
    done = await execute(mesh, Scale("payments", 3), id=1, origin=Origin.PLANNER, clock=StoppedClock())
    assert (done.outcome, done.reason) == (Outcome.APPLIED, "pushed, not effective yet")


async def test_what_is_already_so_is_not_written() -> None:
    mesh = ScriptedMesh()
    done = await execute(mesh, Scale("payments", 1), id=1, origin=Origin.PERSON, clock=StoppedClock())
    assert mesh.log == ["preview"]
    assert (done.outcome, done.reason, done.inverse) == (Outcome.WITHHELD, "already so", None)


async def test_an_action_that_does_not_fit_is_rejected_with_the_meshs_reason() -> None:
    mesh = ScriptedMesh()
    done = await execute(mesh, Scale("carts", 2), id=1, origin=Origin.PERSON, clock=StoppedClock())
    assert mesh.log == ["preview"]
    assert (done.outcome, done.reason) == (Outcome.REJECTED, "scale carts to 2 does not fit this mesh.")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Rejected("bad route"), Outcome.REJECTED),
        (Unknown("bad route"), Outcome.UNKNOWN),
        (MeshError("bad route"), Outcome.UNKNOWN),
    ],
)
async def test_every_end_of_a_write_has_its_outcome(
    answer: MeshOutcome | Exception, outcome: Outcome
) -> None:
    mesh = ScriptedMesh(answer)
    done = await execute(mesh, Scale("payments", 2), id=1, origin=Origin.UNDO, clock=StoppedClock())
    assert (done.outcome, done.reason) == (outcome, "bad route")
    assert done.inverse == Scale("payments", 1)
    assert done.generation is None


def test_withholding_shows_everything_and_writes_nothing() -> None:
    mesh = ScriptedMesh()
    done = withhold(
        mesh, Scale("payments", 2), id=3, origin=Origin.PLANNER, at_s=7.0, reason="recommend only"
    )
    assert mesh.log == ["preview"]
    assert (done.outcome, done.reason, done.at_s) == (Outcome.WITHHELD, "recommend only", 7.0)
    assert done.diff == "-replicas: 1\n+replicas: 2\n"
    assert done.inverse_command == "kubectl scale deployment/payments --replicas=1"


def test_withholding_what_does_not_fit_says_that_instead() -> None:
    mesh = ScriptedMesh()
    done = withhold(mesh, Scale("carts", 2), id=3, origin=Origin.PLANNER, at_s=7.0, reason="recommend only")
    assert (done.outcome, done.reason) == (Outcome.REJECTED, "scale carts to 2 does not fit this mesh.")
