"""What every mesh does alike, whichever adapter it has: the loop must not notice the difference."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.config import OutlierDetection, Retries
from marskit.domain.events import MeshReady
from marskit.domain.faults import ClearFaults, Delay, HangReplica, InjectErrors, KillReplica, SlowDown
from marskit.domain.metrics import MeshSample, WorkloadSample
from marskit.load.scenario import load_scenario
from marskit.load.simulated import SimulatedLoad
from marskit.mesh.envoy import demo_services
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.port import ActionError, Applied, Mesh, MeshError, MeshEvent, Rejected
from marskit.mesh.simulator.adapter import TwinMesh
from marskit.mesh.simulator.requests import RequestTwin
from marskit.timing.clock import LoopClock
from marskit.timing.virtual_loop import VirtualLoop
from tests.fakes import FakeLoad, FakeMesh
from tests.paths import ROOT

ACTIONS: tuple[Action, ...] = (
    Scale("payments", 3),
    Scale("payments", 1),
    ShiftTraffic("recommendations", 2, (("food", 20), ("music", 80))),
    SetTimeout("recommendations", 2, 700),
    SetRetries("recommendations", 2, Retries(1, 200, "5xx")),
    SetOutlierDetection("payments", OutlierDetection(3, 1000, 10_000, 50)),
    SetOutlierDetection("orders", None),
)
MISFITS: tuple[Action, ...] = (
    Scale("nobody", 2),
    Scale("payments", -1),
    ShiftTraffic("recommendations", 2, (("food", 50), ("music", 60))),
    ShiftTraffic("recommendations", 2, (("food", 50), ("jazz", 50))),
    SetTimeout("recommendations", 9, 100),
    SetTimeout("nobody", 0, 100),
)

Behaviour = Callable[[Mesh], Coroutine[Any, Any, None]]


def actions(mesh: Mesh) -> tuple[Action, ...]:
    """Some of every kind that every mesh takes."""
    split = split_of(mesh)
    return (
        Scale("payments", 3),
        Scale("payments", 1),
        ShiftTraffic("recommendations", split, (("food", 20), ("music", 80))),
        SetTimeout("recommendations", split, 700),
        SetRetries("recommendations", split, Retries(1, 200, "5xx")),
    )


def misfits(mesh: Mesh) -> tuple[Action, ...]:
    split = split_of(mesh)
    return (
        Scale("nobody", 2),
        Scale("payments", -1),
        ShiftTraffic("recommendations", split, (("food", 50), ("music", 60))),
        ShiftTraffic("recommendations", split, (("food", 150), ("music", -50))),
        ShiftTraffic("recommendations", split, (("food", 50), ("jazz", 50))),
        ShiftTraffic("recommendations", split, (("food", 100),)),
        SetTimeout("recommendations", split, 0),
        SetTimeout("recommendations", 9, 100),
        SetTimeout("nobody", 0, 100),
        SetRetries("nobody", 0, None),
        SetOutlierDetection("nobody", None),
    )


def split_of(mesh: Mesh) -> int:
    """The index of the route over which food and music share the traffic."""
    return next(route.index for route in mesh.configuration.routes if len(route.destinations) == 2)


def envoy() -> Mesh:
    demo_services.install_dependencies()
    return EnvoyMesh(load_mesh([ROOT / "k8s" / "base", ROOT / "service-mesh"]), clock=LoopClock(), seed=1)


def twin() -> Mesh:
    clock = LoopClock()
    load = SimulatedLoad(load_scenario("steady"), seed=1, clock=clock)
    config = load_mesh([ROOT / "k8s" / "base", ROOT / "service-mesh"])
    return TwinMesh(config, clock=clock, engine=partial(RequestTwin, arrivals=load, seed=1))


def fake() -> Mesh:
    clock = LoopClock()
    return FakeMesh(clock, FakeLoad(clock))


@pytest.fixture(params=[pytest.param("envoy", marks=pytest.mark.mesh), "twin", "fake"])
def on(request: pytest.FixtureRequest) -> Callable[[Behaviour], None]:
    """Runs a behaviour on a mesh that is up, in the mesh's own time."""
    make, loop = {
        "envoy": (envoy, asyncio.new_event_loop),
        "twin": (twin, VirtualLoop),
        "fake": (fake, VirtualLoop),
    }[request.param]

    async def up(behaviour: Behaviour) -> None:
        mesh = make()
        events: list[MeshEvent] = []
        url = await mesh.start(events.append)
        try:
            assert [event.gateway_url for event in events if isinstance(event, MeshReady)] == [url]
            await behaviour(mesh)
        finally:
            await mesh.stop()
            await mesh.stop()

    def run(behaviour: Behaviour) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(up(behaviour))

    return run


async def workload(mesh: Mesh, name: str) -> WorkloadSample:
    return next(w for w in (await sampled(mesh)).workloads if w.workload == name)


async def ready(mesh: Mesh, name: str, replicas: int) -> None:
    async with asyncio.timeout(10):
        while (await workload(mesh, name)).replicas_ready != replicas:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def sampled(mesh: Mesh) -> MeshSample:
    """A reading; one that fails, as on a machine that stands still for a moment, is followed by the next."""
    for _ in range(2):
        with suppress(MeshError):
            return await mesh.sample()
    return await mesh.sample()


def test_a_preview_changes_nothing(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        before, written = mesh.configuration, (await sampled(mesh)).generation.accepted
        for action in actions(mesh):
            preview = mesh.preview(action)
            assert preview.command.startswith("kubectl ")
            assert preview.diff.startswith("--- a/")
            assert preview.inverse is not None
        assert mesh.preview(Scale("payments", before.replicas_of("payments"))).diff == ""
        assert mesh.configuration == before
        # Replicas that become ready meanwhile are pushed too; what is accepted is what was written.
        assert (await sampled(mesh)).generation.accepted == written

    on(behaviour)


def test_the_inverse_restores_what_was(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        for action in actions(mesh):
            before = mesh.configuration
            preview = mesh.preview(action)
            assert preview.inverse is not None
            assert isinstance(await mesh.execute(action), Applied)
            assert mesh.configuration != before
            assert mesh.preview(action).diff == ""
            assert mesh.preview(preview.inverse).command == preview.inverse_command
            assert isinstance(await mesh.execute(preview.inverse), Applied)
            assert mesh.configuration == before

    on(behaviour)


def test_generations_grow_with_every_change(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        # A replica that becomes ready is a change of its own.
        for name, replicas in mesh.configuration.replicas:
            await ready(mesh, name, replicas)
        last = (await sampled(mesh)).generation.accepted
        for action in actions(mesh)[2:]:
            outcome = await mesh.execute(action)
            assert isinstance(outcome, Applied)
            assert outcome.generation > last
            assert outcome.effective_after_ms is not None
            assert 0 < outcome.pushed_after_ms <= outcome.effective_after_ms
            generation = (await sampled(mesh)).generation
            assert generation.accepted == generation.pushed == generation.effective == outcome.generation
            last = outcome.generation

    on(behaviour)


def test_scaling_up_down_and_back_is_seen_in_the_samples(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        await ready(mesh, "payments", 2)
        for replicas in (3, 1, 2):
            assert isinstance(await mesh.execute(Scale("payments", replicas)), Applied)
            assert (await workload(mesh, "payments")).replicas_desired == replicas
            await ready(mesh, "payments", replicas)
        assert (await workload(mesh, "orders")).replicas_desired == 2

    on(behaviour)


def test_a_shift_adds_up_to_100_and_is_effective(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        outcome = await mesh.execute(
            ShiftTraffic("recommendations", split_of(mesh), (("music", 70), ("food", 30)))
        )
        assert isinstance(outcome, Applied)
        assert outcome.effective_after_ms is not None
        destinations = mesh.configuration.route("recommendations", split_of(mesh)).destinations
        assert {d.subset: d.weight_percent for d in destinations} == {"food": 30, "music": 70}

    on(behaviour)


def test_what_does_not_fit_is_rejected_and_changes_nothing(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        before = mesh.configuration
        for action in misfits(mesh):
            with pytest.raises(ActionError) as error:
                mesh.preview(action)
            assert await mesh.execute(action) == Rejected(str(error.value))
        assert mesh.configuration == before

    on(behaviour)


def test_the_durations_of_the_samples_add_up(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        first = await sampled(mesh)
        passed_s = 0.0
        for _ in range(3):
            await asyncio.sleep(0.1)
            sample = await sampled(mesh)
            assert {each.edge for each in sample.edges} <= set(mesh.topology.edges)
            assert {w.workload for w in sample.workloads} == {w.name for w in mesh.topology.workloads}
            passed_s += sample.duration_s
        assert passed_s == pytest.approx(sample.at_s - first.at_s)
        assert passed_s >= 0.3 - 1e-9

    on(behaviour)


def test_a_killed_replica_comes_back(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        await ready(mesh, "payments", 2)
        await mesh.inject(KillReplica("payments"))
        await ready(mesh, "payments", 1)
        await ready(mesh, "payments", 2)
        assert mesh.configuration.replicas_of("payments") == 2

    on(behaviour)


def test_a_stopped_replica_answers_again_when_it_is_cleared_or_killed(
    on: Callable[[Behaviour], None],
) -> None:
    async def behaviour(mesh: Mesh) -> None:
        await ready(mesh, "payments", 2)
        await mesh.inject(HangReplica("payments"))
        await mesh.inject(ClearFaults())
        assert not (await workload(mesh, "payments")).ended
        await mesh.inject(HangReplica("payments"))
        await mesh.inject(HangReplica("payments"))
        with pytest.raises(ActionError, match="payments has no ready replica left to hang"):
            await mesh.inject(HangReplica("payments"))
        await mesh.inject(KillReplica("payments"))
        await ready(mesh, "payments", 1)
        await ready(mesh, "payments", 2)
        # Its successor is not stopped.
        await mesh.inject(HangReplica("payments"))

    on(behaviour)


def test_faults_that_do_not_fit_are_refused_alike(on: Callable[[Behaviour], None]) -> None:
    async def behaviour(mesh: Mesh) -> None:
        for fault in (
            KillReplica("nobody"),
            HangReplica("nobody"),
            SlowDown("nobody", 2),
            InjectErrors("nobody", 5),
            Delay("nobody", 5),
        ):
            with pytest.raises(
                ActionError, match="'nobody' is not a workload; choose one of orders, payments"
            ):
                await mesh.inject(fault)
        with pytest.raises(ActionError, match=r"the slow-down factor is 0\.5; it must be at least 1"):
            await mesh.inject(SlowDown("payments", 0.5))
        with pytest.raises(ActionError, match="the share of errors is 101%; it must be from 0 to 100"):
            await mesh.inject(InjectErrors("payments", 101))
        with pytest.raises(ActionError, match="the delay is -1 ms; it must be from 0 to 60000"):
            await mesh.inject(Delay("payments", -1))
        await mesh.inject(SlowDown("payments", 2))
        await mesh.inject(ClearFaults())

    on(behaviour)
