"""What the twin's adapter makes of an engine, whichever it is."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from marskit.domain.actions import Scale, SetOutlierDetection, SetTimeout, ShiftTraffic
from marskit.domain.events import MeshReady, Noticed, Progressed
from marskit.domain.faults import ClearFaults, Delay, InjectErrors, KillReplica, SlowDown
from marskit.domain.metrics import ConfigGeneration, MeshSample, WorkloadSample
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.load.scenario import load_scenario
from marskit.load.simulated import SimulatedLoad
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.port import ActionError, Applied, MeshEvent, Rejected
from marskit.mesh.simulator.adapter import TwinMesh
from marskit.mesh.simulator.card import Card, Fitted, StationFit
from marskit.mesh.simulator.fast import FastTwin
from marskit.mesh.simulator.requests import RequestTwin
from marskit.timing.clock import LoopClock
from marskit.timing.virtual_loop import VirtualLoop
from tests.paths import ROOT

ORDERS = EdgeId(GATEWAY, "orders", "orders")
FOOD = EdgeId("orders", "recommendations", "recommendations-food")
MUSIC = EdgeId("orders", "recommendations", "recommendations-music")


class Rig:
    """The demo mesh as a twin, under the steady scenario, and what it reports."""

    def __init__(
        self, card: Card | None = None, engine: type[RequestTwin] | type[FastTwin] = RequestTwin
    ) -> None:
        self.events: list[MeshEvent] = []
        self.clock = LoopClock()
        self.load = SimulatedLoad(load_scenario("steady"), seed=1, clock=self.clock)
        self.mesh = TwinMesh(
            load_mesh([ROOT / "k8s" / "base", ROOT / "service-mesh"]),
            clock=self.clock,
            engine=partial(engine, arrivals=self.load, seed=1),
            card=card,
            answered=self.load.answered,
        )

    async def start(self) -> "Rig":
        await self.load.start(await self.mesh.start(self.events.append))
        return self

    async def after(self, seconds: float) -> MeshSample:
        await asyncio.sleep(seconds)
        return await self.mesh.sample()


def live(
    test: Callable[[Rig], Coroutine[Any, Any, None]],
    card: Card | None = None,
    engine: type[RequestTwin] | type[FastTwin] = RequestTwin,
) -> None:
    """Run the test in virtual time."""

    async def main() -> None:
        await test(await Rig(card, engine).start())

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def workload(sample: MeshSample, name: str) -> WorkloadSample:
    return next(w for w in sample.workloads if w.workload == name)


def requests(sample: MeshSample) -> dict[EdgeId, int]:
    return {each.edge: each.requests for each in sample.edges}


def test_the_start_says_what_is_simulated() -> None:
    async def test(rig: Rig) -> None:
        assert [type(event) for event in rig.events] == [Progressed, MeshReady]
        progressed, ready = rig.events
        assert isinstance(progressed, Progressed)
        assert progressed.detail == "4 workloads, 3 calls"
        assert isinstance(ready, MeshReady)
        assert ready.gateway_url == "twin:marskit-demo"

    live(test)


def test_a_sample_covers_what_passed_since_the_last_one() -> None:
    async def test(rig: Rig) -> None:
        first, second = await rig.after(2.0), await rig.after(3.0)
        assert [(s.at_s, s.duration_s) for s in (first, second)] == [(2.0, 2.0), (5.0, 3.0)]
        assert set(requests(second)) == set(rig.mesh.topology.edges)
        assert requests(first)[ORDERS] == pytest.approx(34 * 2, rel=0.3)
        assert requests(second)[ORDERS] == pytest.approx(34 * 3, rel=0.3)
        again = await rig.mesh.sample()
        assert (again.duration_s, requests(again)[ORDERS]) == (0.0, 0)

    live(test)


def test_the_load_hears_what_the_gateway_answered() -> None:
    async def test(rig: Rig) -> None:
        await rig.mesh.inject(InjectErrors("orders", 50))
        sample = await rig.after(2.0)
        heard = await rig.load.sample()
        edge = next(each for each in sample.edges if each.edge == ORDERS)
        assert heard.sent_requests_per_s == edge.requests / 2.0 > 20
        assert heard.failures_per_s == edge.failures / 2.0 > 10

    live(test)


def test_a_change_of_routes_takes_as_long_as_envoy_takes() -> None:
    async def test(rig: Rig) -> None:
        assert await rig.mesh.execute(Scale("payments", 4)) == Applied(1, 9.0, 600.0)
        before_s = rig.clock.now()
        changing = asyncio.create_task(
            rig.mesh.execute(ShiftTraffic("recommendations", 2, (("food", 0), ("music", 100))))
        )
        assert (await rig.after(0.001)).generation == ConfigGeneration(2, 1, 1)
        assert await changing == Applied(2, 9.0, 9.0)
        assert rig.clock.now() == pytest.approx(before_s + 0.009)
        # What was under way is answered by the variant that it was sent to.
        while next(e for e in (await rig.after(0.1)).edges if e.edge == FOOD).in_flight:
            assert rig.clock.now() < before_s + 2.0
        sample = await rig.after(2.0)
        assert sample.generation == ConfigGeneration(2, 2, 2)
        assert (requests(sample)[FOOD], requests(sample)[MUSIC] > 20) == (0, True)
        # What was scaled before stays as it is.
        assert workload(sample, "payments").replicas_ready == 4

    live(test)


def test_a_scale_up_ends_when_the_replicas_are_ready_and_a_scale_down_at_once() -> None:
    async def test(rig: Rig) -> None:
        assert await rig.mesh.execute(Scale("payments", 3)) == Applied(1, 9.0, 600.0)
        assert rig.clock.now() == pytest.approx(0.6)
        state = workload(await rig.after(0.05), "payments")
        assert (state.replicas_desired, state.replicas_ready) == (3, 3)
        assert await rig.mesh.execute(Scale("payments", 1)) == Applied(2, 9.0, 9.0)
        assert workload(await rig.mesh.sample(), "payments").replicas_ready == 1

    live(test)


def test_a_slow_start_is_not_waited_for_longer_than_on_envoy() -> None:
    async def test(rig: Rig) -> None:
        assert await rig.mesh.execute(Scale("payments", 3)) == Applied(1, 9.0, None)
        assert rig.clock.now() == pytest.approx(1.5)
        assert workload(await rig.mesh.sample(), "payments").replicas_ready == 2
        assert workload(await rig.after(3.6), "payments").replicas_ready == 3

    live(test, Card(runs=("r",), stations={"payments": StationFit(start_s=Fitted(5.0, 0.1, 9))}))


def test_a_scaling_that_comes_while_routes_are_pushed_is_not_lost() -> None:
    async def test(rig: Rig) -> None:
        shift = rig.mesh.execute(ShiftTraffic("recommendations", 2, (("food", 10), ("music", 90))))
        timeout = rig.mesh.execute(SetTimeout("recommendations", 2, 700))
        outcomes = await asyncio.gather(shift, rig.mesh.execute(Scale("orders", 3)), timeout)
        assert all(isinstance(outcome, Applied) for outcome in outcomes)
        route = rig.mesh.configuration.route("recommendations", 2)
        assert [d.weight_percent for d in route.destinations] == [10, 90]
        assert route.timeout_ms == 700
        assert rig.mesh.configuration.replicas_of("orders") == 3

    live(test)


def test_outlier_detection_is_set_but_not_simulated_and_the_twin_says_so_once() -> None:
    async def test(rig: Rig) -> None:
        rules = [outlier.destination_rule for outlier in rig.mesh.configuration.outliers]
        for rule in rules:
            assert isinstance(await rig.mesh.execute(SetOutlierDetection(rule, None)), Applied)
        assert all(outlier.outlier_detection is None for outlier in rig.mesh.configuration.outliers)
        said = [event.sentence for event in rig.events if isinstance(event, Noticed)]
        assert said == ["outlier detection is set in the manifests, but the twin does not simulate ejection"]

    live(test)


def test_what_the_manifests_do_not_have_is_rejected() -> None:
    async def test(rig: Rig) -> None:
        before = rig.mesh.configuration
        assert isinstance(await rig.mesh.execute(Scale("nobody", 2)), Rejected)
        assert rig.mesh.configuration == before

    live(test)


def test_a_slow_down_and_errors_are_taken_back() -> None:
    async def test(rig: Rig) -> None:
        def edge(sample: MeshSample) -> tuple[float, float]:
            into = next(each for each in sample.edges if each.edge == MUSIC)
            median_ms = into.successes_ms.quantile_ms(0.5)
            assert median_ms is not None
            return median_ms, into.failures / into.requests

        whole_ms, none = edge(await rig.after(2.0))
        await rig.mesh.inject(SlowDown("recommendations-music", 3))
        await rig.mesh.inject(InjectErrors("recommendations-music", 50))
        slow_ms, failing = edge(await rig.after(2.0))
        assert slow_ms > 2 * whole_ms
        assert none == 0.0
        assert failing == pytest.approx(0.5, abs=0.2)
        await rig.mesh.inject(ClearFaults())
        await rig.after(0.5)
        mended_ms, failing = edge(await rig.after(2.0))
        assert mended_ms == pytest.approx(whole_ms, rel=0.3)
        assert failing == 0.0

    live(test)


@pytest.mark.parametrize("engine", [RequestTwin, FastTwin])
def test_a_delay_is_added_to_every_call_and_takes_no_worker(
    engine: type[RequestTwin] | type[FastTwin],
) -> None:
    async def test(rig: Rig) -> None:
        def median_ms(sample: MeshSample) -> float:
            found = next(e for e in sample.edges if e.edge == MUSIC).successes_ms.quantile_ms(0.5)
            assert found is not None
            return found

        before = await rig.after(4.0)
        # Longer than a single try may take: what holds a request up counts to no timeout.
        await rig.mesh.inject(Delay("recommendations-music", 800))
        await rig.after(2.0)
        delayed = await rig.after(4.0)
        assert median_ms(delayed) == pytest.approx(median_ms(before) + 800, rel=0.05)
        assert not any(each.failures or each.timeouts for each in delayed.edges)
        busy = workload(delayed, "recommendations-music").utilisation
        assert busy == pytest.approx(workload(before, "recommendations-music").utilisation, abs=0.15)
        await rig.mesh.inject(ClearFaults())
        await rig.after(2.0)
        assert median_ms(await rig.after(4.0)) == pytest.approx(median_ms(before), rel=0.3)

    live(test, engine=engine)


def test_a_killed_replica_comes_back() -> None:
    async def test(rig: Rig) -> None:
        await rig.mesh.inject(KillReplica("payments"))
        assert isinstance(rig.events[-1], Noticed)
        assert rig.events[-1].sentence == "a replica of payments was killed and is restarting"
        assert workload(await rig.after(0.1), "payments").replicas_ready == 1
        assert workload(await rig.after(1.0), "payments").replicas_ready == 2

    live(test)


def test_a_fault_that_does_not_fit_is_refused() -> None:
    async def test(rig: Rig) -> None:
        with pytest.raises(ActionError, match="'nobody' is not a workload; choose one of orders, payments"):
            await rig.mesh.inject(KillReplica("nobody"))
        with pytest.raises(ActionError, match="at least 1"):
            await rig.mesh.inject(SlowDown("payments", 0.5))
        with pytest.raises(ActionError, match="from 0 to 100"):
            await rig.mesh.inject(InjectErrors("payments", 101))
        await rig.mesh.execute(Scale("payments", 1))
        await rig.mesh.inject(KillReplica("payments"))
        await rig.mesh.sample()
        with pytest.raises(ActionError, match="payments has no ready replica to kill"):
            await rig.mesh.inject(KillReplica("payments"))

    live(test)
