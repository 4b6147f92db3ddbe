"""The embedded mesh as a whole, on the manifests that we ship."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import psutil
import pytest

from marskit.domain.actions import Scale, SetTimeout, ShiftTraffic
from marskit.domain.config import DEFAULT_RETRIES
from marskit.domain.events import FaultEnded, MeshReady, Noticed
from marskit.domain.faults import ClearFaults, Delay, HangReplica, InjectErrors, KillReplica, SlowDown
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.envoy import demo_services
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.port import ActionError, Applied, MeshError, MeshEvent, Rejected
from marskit.timing.clock import LoopClock
from tests.paths import ROOT

pytestmark = pytest.mark.mesh
ORDER = {"item": "book", "quantity": 1, "amount": 12.5}
FOOD = EdgeId("orders", "recommendations", "recommendations-food")
MUSIC = EdgeId("orders", "recommendations", "recommendations-music")
ORDERS = EdgeId(GATEWAY, "orders", "orders")
PAYMENTS = EdgeId("orders", "payments", "payments")


class Running:
    """The demo mesh, up, with a client at its gateway."""

    def __init__(self, mesh: EnvoyMesh, url: str, client: httpx.AsyncClient, events: list[MeshEvent]) -> None:
        self.mesh = mesh
        self.url = url
        self.client = client
        self.events = events

    async def order(self) -> httpx.Response:
        return await self.client.post(f"{self.url}/orders", json=ORDER)

    async def orders(self, count: int, *, at_once: int = 8) -> Counter[int]:
        gate = asyncio.Semaphore(at_once)

        async def one() -> int:
            async with gate:
                return (await self.order()).status_code

        return Counter(await asyncio.gather(*(one() for _ in range(count))))

    async def serving(self, workload: str, replicas: int) -> None:
        await eventually(lambda: len(self.mesh._sets[workload].serving) == replicas)

    def sentences(self) -> list[str]:
        return [event.sentence for event in self.events if isinstance(event, Noticed)]


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def demo(gateway_port: int | None = None) -> EnvoyMesh:
    demo_services.install_dependencies()
    config = load_mesh([ROOT / "k8s" / "base", ROOT / "service-mesh"])
    return EnvoyMesh(config, clock=LoopClock(), seed=1, gateway_port=gateway_port)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    events: list[MeshEvent] = []
    mesh = demo()
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        url = await mesh.start(events.append)
        yield Running(mesh, url, client, events)
    await mesh.stop()


async def test_an_order_passes_every_edge_and_is_counted_there(running: Running) -> None:
    assert await running.orders(60) == {201: 60}
    await asyncio.sleep(0.3)  # Envoy moves its histograms four times a second.
    edges = {sample.edge: sample for sample in (await running.mesh.sample()).edges}
    assert set(edges) == set(running.mesh.topology.edges)
    assert [edges[edge].requests for edge in (ORDERS, PAYMENTS)] == [60, 60]
    assert edges[FOOD].requests + edges[MUSIC].requests == 60
    assert edges[ORDERS].successes_ms.n == 60
    assert sum(sample.failures for sample in edges.values()) == 0
    own = edges[ORDERS].successes_ms.quantile_ms(0.5)
    downstream = edges[PAYMENTS].successes_ms.quantile_ms(0.5)
    assert own is not None
    assert downstream is not None
    assert own > downstream > 10
    again = {sample.edge: sample for sample in (await running.mesh.sample()).edges}
    assert again[ORDERS].requests == again[ORDERS].successes_ms.n == 0


async def test_a_shift_is_effective_when_it_returns(running: Running) -> None:
    outcome = await running.mesh.execute(ShiftTraffic("recommendations", 2, (("food", 0), ("music", 100))))
    assert isinstance(outcome, Applied)
    assert outcome.effective_after_ms is not None
    assert await running.orders(20) == {201: 20}
    edges = {sample.edge: sample.requests for sample in (await running.mesh.sample()).edges}
    assert (edges.get(FOOD, 0), edges[MUSIC]) == (0, 20)
    weights = running.mesh.configuration.route("recommendations", 2).destinations
    assert [(d.subset, d.weight_percent) for d in weights] == [("food", 0), ("music", 100)]


async def test_scaling_under_load_loses_no_request(running: Running) -> None:
    load = asyncio.create_task(running.orders(150, at_once=6))
    for replicas in (3, 1, 2):
        outcome = await running.mesh.execute(Scale("payments", replicas))
        assert isinstance(outcome, Applied)
        await running.serving("payments", replicas)
    assert await load == {201: 150}
    workload = next(w for w in (await running.mesh.sample()).workloads if w.workload == "payments")
    assert (workload.replicas_desired, workload.replicas_ready) == (2, 2)


async def test_an_action_that_does_not_fit_changes_nothing(running: Running) -> None:
    before = running.mesh.configuration
    assert isinstance(await running.mesh.execute(Scale("nobody", 2)), Rejected)
    assert isinstance(await running.mesh.execute(SetTimeout("recommendations", 9, 100)), Rejected)
    with pytest.raises(ActionError):
        running.mesh.preview(ShiftTraffic("recommendations", 2, (("food", 50), ("music", 60))))
    assert running.mesh.configuration == before


async def test_a_killed_replica_comes_back_while_the_others_answer(running: Running) -> None:
    await running.serving("payments", 2)
    load = asyncio.create_task(running.orders(120, at_once=4))
    await running.mesh.inject(KillReplica("payments"))
    statuses = await load
    await running.serving("payments", 2)
    assert statuses[201] >= 117
    assert any("payments-1 ended by signal 9" in sentence for sentence in running.sentences())


async def test_a_stopped_replica_is_seen_alone_and_does_not_delay_readings(running: Running) -> None:
    assert await running.orders(20) == {201: 20}
    await running.mesh.sample()
    await running.mesh.inject(HangReplica("payments"))
    load = asyncio.create_task(running.orders(40))
    # Read while requests are sent: after some seconds, its readiness probe takes the replica out.
    sent, answered = Counter[str](), Counter[str]()
    async with asyncio.timeout(10):
        while not (sent["payments-1"] and answered["payments-2"]):
            began_s = asyncio.get_running_loop().time()
            sample = await running.mesh.sample()
            assert asyncio.get_running_loop().time() - began_s < 1.0
            for each in next(w for w in sample.workloads if w.workload == "payments").replicas:
                sent[each.replica] += each.sent
                answered[each.replica] += each.answered
            await asyncio.sleep(0.1)
    assert answered["payments-1"] == 0
    await load
    await running.mesh.inject(ClearFaults())
    assert await running.orders(40) == {201: 40}
    assert not any(isinstance(event, FaultEnded) for event in running.events)


async def test_a_hang_that_ends_without_a_person_is_told_and_one_that_is_killed_is_not(
    running: Running,
) -> None:
    await running.mesh.inject(HangReplica("payments"))
    child = running.mesh._sets["payments"].replicas[0].child
    assert child is not None
    child.kill_group()
    await eventually(lambda: any(isinstance(event, FaultEnded) for event in running.events))
    await running.serving("payments", 2)
    await running.mesh.inject(HangReplica("payments"))
    await running.mesh.inject(KillReplica("payments"))
    await eventually(lambda: len(running.mesh._sets["payments"].serving) == 1)
    await running.serving("payments", 2)
    ended = [event.fault for event in running.events if isinstance(event, FaultEnded)]
    assert ended == [HangReplica("payments")]
    assert await running.orders(20) == {201: 20}


async def test_a_mesh_with_a_stopped_replica_ends_without_a_trace() -> None:
    mesh = demo()
    await mesh.start(lambda event: None)
    pids = [
        replica.child.pid for members in mesh._sets.values() for replica in members.replicas if replica.child
    ]
    await mesh.inject(HangReplica("payments"))
    await mesh.inject(HangReplica("orders"))
    await mesh.execute(Scale("orders", 1))
    await mesh.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_faults_reach_replicas_that_start_later_and_are_taken_back(running: Running) -> None:
    await running.mesh.inject(InjectErrors("payments", 100))
    assert await running.orders(4) == {502: 4}
    await running.mesh.execute(Scale("payments", 3))
    await running.serving("payments", 3)
    assert await running.orders(9) == {502: 9}
    await running.mesh.inject(ClearFaults())
    assert await running.orders(9) == {201: 9}
    with pytest.raises(ActionError, match="payments-1 rejected the fault: 400"):
        await running.mesh.inject(SlowDown("payments", 5000))
    # What was refused is not in force: a replica to come would refuse it, too.
    await running.mesh.inject(KillReplica("payments"))
    await eventually(lambda: len(running.mesh._sets["payments"].serving) == 2)
    await eventually(lambda: len(running.mesh._sets["payments"].serving) == 3)
    assert await running.orders(3) == {201: 3}
    with pytest.raises(ActionError, match="'nobody' is not a workload"):
        await running.mesh.inject(SlowDown("nobody", 2))
    with pytest.raises(ActionError, match="at least 1"):
        await running.mesh.inject(SlowDown("payments", 0.5))


async def test_a_delay_holds_up_one_subset_alone(running: Running) -> None:
    await running.mesh.inject(Delay("recommendations-music", 300))
    await running.mesh.sample()
    assert await running.orders(30) == {201: 30}
    edges = {each.edge: each for each in (await running.mesh.sample()).edges}
    slow_ms, fast_ms = (edges[edge].successes_ms.quantile_ms(0.5) for edge in (MUSIC, FOOD))
    assert slow_ms is not None
    assert fast_ms is not None
    assert slow_ms >= 300 > fast_ms
    # With no traffic left there, the fault that is still in force does not stand in the way.
    shifted = ShiftTraffic("recommendations", 2, (("food", 100), ("music", 0)))
    assert isinstance(await running.mesh.execute(shifted), Applied)
    await running.mesh.inject(ClearFaults())


async def test_stopping_leaves_no_process_no_port_and_no_file(running: Running) -> None:
    # A pool of an earlier test leaves Python's own tracker to this process.
    every = psutil.Process().children(recursive=True)
    children = [child for child in every if "resource_tracker" not in " ".join(child.cmdline())]
    folder = running.mesh._folder
    assert len(children) >= 6
    await running.mesh.stop()
    assert not [child for child in children if child.is_running()]
    assert not folder.exists()
    with pytest.raises(httpx.ConnectError):
        await running.order()


async def test_two_meshes_run_side_by_side(running: Running) -> None:
    other = demo()
    try:
        url = await other.start(lambda event: None)
        await other.execute(ShiftTraffic("recommendations", 2, (("food", 100), ("music", 0))))
        await running.client.post(f"{url}/orders", json=ORDER)
        assert await running.orders(3) == {201: 3}
        counts = {sample.edge: sample.requests for sample in (await other.sample()).edges}
        assert counts[ORDERS] == 1
        own = running.mesh.configuration.route("recommendations", 2).destinations
        assert [d.weight_percent for d in own] == [50, 50]
    finally:
        await other.stop()


async def test_a_gateway_port_in_use_is_said_before_anything_starts(running: Running) -> None:
    port = int(running.url.rpartition(":")[2])
    with pytest.raises(MeshError, match=f"port {port} is in use: choose another with --gateway-port"):
        demo(gateway_port=port)


async def test_envoy_killed_under_way_is_back_with_everything(running: Running) -> None:
    pid = running.mesh._proxy.pid
    assert pid is not None
    os.kill(pid, 9)
    await eventually(lambda: "Envoy is running again" in running.sentences())
    assert await running.orders(5) == {201: 5}
    edges = {sample.edge: sample for sample in (await running.mesh.sample()).edges}
    assert edges[ORDERS].requests == 5


async def test_mending_reaches_a_replica_that_hangs_just_now(running: Running) -> None:
    payments = running.mesh._sets["payments"]
    await eventually(lambda: len(payments.serving) == 2)
    await running.mesh.inject(InjectErrors("payments", 100))
    child = payments.replicas[0].child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    await eventually(lambda: len(payments.serving) == 1)
    await running.mesh.inject(ClearFaults())
    os.kill(child.pid, signal.SIGCONT)
    await eventually(lambda: len(payments.serving) == 2)
    assert await running.orders(8) == {201: 8}


def with_attempts(config: MeshConfig, attempts: int) -> MeshConfig:
    """Every route with retries that no manifest may ask for."""
    services = [
        replace(
            service,
            http=tuple(
                replace(route, retries=replace(route.retries or DEFAULT_RETRIES, attempts=attempts))
                for route in service.http
            ),
        )
        for service in config.virtual_services
    ]
    return replace(config, virtual_services=tuple(services))


async def test_what_our_own_checks_let_through_ends_the_start() -> None:
    demo_services.install_dependencies()
    config = load_mesh([ROOT / "k8s" / "base", ROOT / "service-mesh"])
    events: list[MeshEvent] = []
    mesh = EnvoyMesh(with_attempts(config, 5_000_000_000), clock=LoopClock(), seed=1)
    with pytest.raises(MeshError, match=r"VirtualService .*retries.* refused by Envoy: .*num_retries"):
        await mesh.start(events.append)
    assert not any(isinstance(event, MeshReady) for event in events)


async def test_a_change_that_envoy_refuses_leaves_the_mesh_and_its_manifests(running: Running) -> None:
    before = running.mesh.configuration
    wrong = running.mesh._render(with_attempts(running.mesh._config, 5_000_000_000))
    outcome = await running.mesh._publisher.publish(wrong)
    assert isinstance(outcome, Rejected)
    assert "num_retries" in outcome.reason
    assert running.mesh.configuration == before
    shifted = ShiftTraffic("recommendations", 2, (("food", 0), ("music", 100)))
    assert isinstance(await running.mesh.execute(shifted), Applied)
    assert await running.orders(10) == {201: 10}
