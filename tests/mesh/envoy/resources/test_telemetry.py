"""The per-edge statistics as a real Envoy keeps them, for every way in which a request can end."""

import socket
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from marskit.domain.config import Retries
from marskit.mesh.envoy.resources.entrances import PROBE_HEADER, PROBE_PATH
from marskit.mesh.envoy.resources.model import ClusterKey, Endpoint
from marskit.mesh.envoy.resources.telemetry_names import (
    ClusterStat,
    Requests,
    parse_cluster_stat,
    parse_latencies,
    parse_requests,
)
from marskit.mesh.manifests.istio import (
    DirectResponse,
    FaultInjection,
    HttpMatch,
    HttpRoute,
    Redirect,
)
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.traffic_policy import (
    ConnectionPool,
    TrafficPolicy,
)
from marskit.system.free_ports import LOOPBACK
from tests.mesh.envoy.resources.bench import TOKEN, Bench, exchange, wait_for
from tests.mesh.envoy.resources.factory import (
    FOOD,
    FOOD_ONLY,
    SHOP,
    TILL,
    TILLS,
    VOID,
    at_gateway,
    config,
    exact,
    in_mesh,
    shop_policy,
    to,
    when,
)

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("envoy-resources")]

EDGE = "front__shop__8080"
TO_FOOD = ClusterKey(EDGE, SHOP, 8080, "food")
NEVER = Retries(attempts=0)
DEAD = (Endpoint(FOOD, LOOPBACK, 1),)
SLOW = b"GET / HTTP/1.1\r\nhost: h\r\nx-delay-ms: 1000\r\n\r\n"


def counted(bench: Bench) -> Counter[Requests]:
    stats = bench.stats(r"^marskit\.rq")
    return Counter({parsed: value for name, value in stats.items() if (parsed := parse_requests(name))})


def latencies(bench: Bench, edge: str, workload: str | None) -> Counter[float]:
    """How many latencies each bin holds, by the bin's lower bound in ms."""
    [found] = bench.runner.run(bench.proxy.stats(r"^marskit\.ok"))
    for histogram in found["histograms"]["details"]:
        parsed = parse_latencies(histogram["name"])
        if parsed is not None and (parsed.edge, parsed.workload) == (edge, workload):
            return Counter({bin["lower_bound"] / 1000: bin["count"] for bin in histogram["totals"]})
    return Counter()


def ask(bench: Bench, headers: dict[str, str] | None = None) -> Callable[[], object]:
    return lambda: bench.request(listener=EDGE, headers=headers)


def leave(bench: Bench) -> None:
    """Go away before the answer comes."""
    with socket.create_connection((LOOPBACK, bench.ports[EDGE])) as caller:
        caller.sendall(SLOW)
        wait_for(lambda: gauge_of(bench, "upstream_rq_active") == 1, "the request")


def gauge_of(bench: Bench, stat: str) -> int:
    """One of Envoy's own gauges of the edge's cluster."""
    parsed = {parse_cluster_stat(name): value for name, value in bench.stats(rf"{stat}$").items()}
    return int(parsed[ClusterStat(TO_FOOD, stat)])


def route(**fields: object) -> MeshConfig:
    return config(in_mesh(HttpRoute(**({"destinations": FOOD_ONLY, "retries": NEVER} | fields))))  # type: ignore[arg-type]


ENDS: dict[str, tuple[MeshConfig, tuple[Endpoint, ...] | None, Requests]] = {
    "an answer": (route(), None, Requests(EDGE, FOOD, TO_FOOD, 200, ())),
    "no route": (
        config(in_mesh(when(HttpMatch(exact("/x")), FOOD_ONLY))),
        None,
        Requests(EDGE, None, None, 404, ("NR",)),
    ),
    "a direct response": (
        route(destinations=(), direct_response=DirectResponse(418)),
        None,
        Requests(EDGE, None, None, 418, ()),
    ),
    "a redirect": (
        route(destinations=(), redirect=Redirect(uri="/x")),
        None,
        Requests(EDGE, None, None, 301, ()),
    ),
    "no replica": (
        route(destinations=(to(VOID),)),
        None,
        Requests(EDGE, None, ClusterKey(EDGE, VOID, 8080, None), 503, ("UH",)),
    ),
    "no connection": (route(), DEAD, Requests(EDGE, FOOD, TO_FOOD, 503, ("UF",))),
    "no connection, retried": (
        route(retries=Retries(1)),
        DEAD,
        Requests(EDGE, FOOD, TO_FOOD, 503, ("URX", "UF")),
    ),
    "an injected abort": (
        route(fault=FaultInjection(abort_status=500)),
        None,
        Requests(EDGE, None, TO_FOOD, 500, ("FI",)),
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_how_a_request_ended_is_counted(name: str, bench: Bench) -> None:
    rules, endpoints, expected = ENDS[name]
    bench.apply(rules, endpoints=endpoints)
    assert_counted(bench, ask(bench), expected)


def test_a_timeout_is_counted_for_the_workload(bench: Bench) -> None:
    bench.apply(route(timeout_ms=50))
    assert_counted(bench, ask(bench, {"x-delay-ms": "200"}), Requests(EDGE, FOOD, TO_FOOD, 504, ("UT",)))


def test_a_refusal_by_the_pool_is_counted(bench: Bench) -> None:
    pool = TrafficPolicy(connection_pool=ConnectionPool(max_connections=1, max_pending_requests=1))
    rules = route()
    bench.apply(config(*rules.virtual_services, rules=(shop_policy(pool),)))
    before = counted(bench)
    with ExitStack() as callers:
        for gauge in ("upstream_rq_active", "upstream_rq_pending_active"):
            caller = callers.enter_context(socket.create_connection((LOOPBACK, bench.ports[EDGE])))
            caller.sendall(SLOW)
            wait_for(lambda gauge=gauge: gauge_of(bench, gauge) == 1, gauge)  # type: ignore[misc]
        assert bench.request(listener=EDGE).status == 503
    refused = Requests(EDGE, None, TO_FOOD, 503, ("UO",))
    wait_for(lambda: (counted(bench) - before)[refused] > 0, "the count")


def test_a_caller_that_goes_away_is_counted_without_a_status(bench: Bench) -> None:
    bench.apply(route())
    assert_counted(bench, lambda: leave(bench), Requests(EDGE, FOOD, TO_FOOD, 0, ("DC",)))


def test_the_probe_is_not_counted_unless_it_is_a_pretence(bench: Bench) -> None:
    bench.apply(route())
    pretended = Requests(EDGE, FOOD, TO_FOOD, 200, ())

    def probe_both() -> None:
        assert bench.request(PROBE_PATH, listener=EDGE, headers={PROBE_HEADER: TOKEN}).backend is None
        assert bench.request(PROBE_PATH, listener=EDGE, headers={PROBE_HEADER: "guess"}).backend == FOOD

    assert_counted(bench, probe_both, pretended)


def test_latencies_are_of_answers_below_500_as_the_caller_sees_them(bench: Bench) -> None:
    fault = FaultInjection(delay_ms=20)
    bench.apply(config(at_gateway(HttpRoute(destinations=(to(TILL),), fault=fault, retries=NEVER))))
    before = latencies(bench, "ingress", TILLS)
    with bench.connection() as connection:
        for _ in range(4):
            exchange(connection, "/", headers={"x-delay-ms": "300"})
            exchange(connection, "/", headers={"x-status": "404"})
            exchange(connection, "/", headers={"x-status": "503"})
    wait_for(lambda: (latencies(bench, "ingress", TILLS) - before).total() >= 8, "the histogram to move")
    moved = latencies(bench, "ingress", TILLS) - before
    assert moved.total() == 8
    slow = sum(count for lower, count in moved.items() if lower >= 300)
    fast = sum(count for lower, count in moved.items() if 15 <= lower < 300)
    assert (slow, fast) == (4, 4)


def test_latencies_of_what_the_proxy_answers_itself_are_kept_apart(bench: Bench) -> None:
    bench.apply(config(at_gateway(HttpRoute(direct_response=DirectResponse(200)))))
    before = latencies(bench, "ingress", None)
    bench.request()
    wait_for(lambda: (latencies(bench, "ingress", None) - before).total() == 1, "the histogram to move")


def test_envoys_own_statistics_are_per_edge_and_subset(bench: Bench) -> None:
    bench.apply(route(retries=Retries(2, retry_on="503")))
    bench.request(listener=EDGE, headers={"x-status": "503"})
    parsed = {parse_cluster_stat(name): value for name, value in bench.stats("upstream_rq_retry$").items()}
    assert {stat.cluster: value for stat, value in parsed.items() if stat and value} == {TO_FOOD: 2}


def assert_counted(bench: Bench, happen: Callable[[], object], expected: Requests) -> None:
    """Whatever happens is counted as expected, once, and as nothing else."""
    before = counted(bench)
    happen()
    wait_for(lambda: (counted(bench) - before).total() > 0, "the count")
    assert counted(bench) - before == Counter({expected: 1})
