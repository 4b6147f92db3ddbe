"""Traffic management that shows only over several requests or over time, as a real Envoy does it."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from marskit.domain.config import OutlierDetection, Retries
from marskit.mesh.envoy.resources.model import WorkloadFault
from marskit.mesh.manifests.istio import (
    CorsPolicy,
    FaultInjection,
    HttpRoute,
    Mirror,
)
from marskit.mesh.manifests.traffic_policy import (
    ConnectionPool,
    ConsistentHash,
    LoadBalancer,
    TrafficPolicy,
)
from tests.mesh.envoy.resources.bench import Bench, exchange, wait_for
from tests.mesh.envoy.resources.factory import (
    FOOD,
    FOOD_ONLY,
    MUSIC,
    MUSIC_ONLY,
    SHOP,
    TILL,
    TILLS,
    at_gateway,
    config,
    exact,
    in_mesh,
    shop_policy,
    split,
    to,
)

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("envoy-resources")]

NEVER = Retries(attempts=0)
_keys = count()


def fail_first(times: int, how: str = "503") -> dict[str, str]:
    """Headers by which the backends fail that many attempts of this request."""
    return {"x-fail-first": f"{time.monotonic_ns()}-{next(_keys)}:{times}", "x-fail-how": how}


def answers(bench: Bench, requests: int, listener: str = "ingress") -> Counter[str | None]:
    """How often each backend answered, over one connection."""
    with bench.connection(listener) as connection:
        return Counter(exchange(connection, "/").backend for _ in range(requests))


def test_weights_share_the_traffic(bench: Bench) -> None:
    bench.apply(config(at_gateway(HttpRoute(destinations=split(90, 10)))))
    got = answers(bench, 5000)
    assert got.total() == 5000
    assert got[FOOD] / 50 == pytest.approx(90, abs=1.5)


def test_a_destination_without_weight_gets_nothing(bench: Bench) -> None:
    bench.apply(config(at_gateway(HttpRoute(destinations=split(0, 3)))))
    assert answers(bench, 50).keys() == {MUSIC, "shop-music#2"}


def test_a_traffic_shift_touches_the_routes_of_the_listeners_that_follow_it(bench: Bench) -> None:
    bench.apply(config(at_gateway(HttpRoute(destinations=split(100, 0)))))
    assert bench.apply(config(at_gateway(HttpRoute(destinations=split(0, 100))))) == {"rds-ingress.json"}


def test_another_number_of_replicas_touches_endpoints_only(bench: Bench) -> None:
    shop = config(at_gateway(HttpRoute(destinations=split(50, 50))))
    bench.apply(shop)
    fewer = tuple(endpoint for endpoint in bench.endpoints if endpoint.workload != MUSIC)
    changed = bench.apply(shop, endpoints=fewer)
    assert changed
    assert all(name.startswith("eds-") for name in changed)


def test_a_timeout_answers_504(bench: Bench) -> None:
    bench.apply(config(at_gateway(HttpRoute(destinations=FOOD_ONLY, timeout_ms=100, retries=NEVER))))
    assert bench.request(headers={"x-delay-ms": "400"}).status == 504
    assert bench.request(headers={"x-delay-ms": "10"}).status == 200


@pytest.mark.parametrize(
    ("retries", "how", "attempts", "status"),
    [
        (Retries(3, retry_on="503"), "503", 3, 200),
        (Retries(2, retry_on="5xx"), "503", 3, 503),
        (Retries(1, retry_on="reset"), "reset", 1, 200),
        (NEVER, "503", 1, 503),
        (None, "503", 1, 503),
    ],
    ids=["by code", "too few", "on reset", "none", "the default spares answered 503s"],
)
def test_retries(retries: Retries | None, how: str, attempts: int, status: int, bench: Bench) -> None:
    bench.apply(config(at_gateway(HttpRoute(destinations=FOOD_ONLY, retries=retries))))
    answer = bench.request(headers=fail_first(attempts, how))
    assert answer.status == status


def test_no_ready_replica_answers_503(bench: Bench) -> None:
    bench.apply(config(at_gateway(HttpRoute(destinations=FOOD_ONLY))), endpoints=())
    answer = bench.request()
    assert answer.status == 503
    assert answer.backend is None


def test_a_delay_is_injected_for_its_share(bench: Bench) -> None:
    fault = FaultInjection(delay_ms=60, delay_percent=50)
    bench.apply(config(at_gateway(HttpRoute(destinations=FOOD_ONLY, fault=fault))))
    slow = sum(duration >= 0.06 for duration in _durations(bench, 40))
    assert 5 < slow < 35


@pytest.mark.parametrize(("percent", "low", "high"), [(0.1, 0, 20), (5.0, 60, 150), (100.0, 2000, 2000)])
def test_an_abort_is_injected_for_its_share(percent: float, low: int, high: int, bench: Bench) -> None:
    fault = FaultInjection(abort_status=418, abort_percent=percent)
    bench.apply(config(at_gateway(HttpRoute(destinations=FOOD_ONLY, fault=fault))))
    with bench.connection() as connection:
        aborted = sum(exchange(connection, "/").status == 418 for _ in range(2000))
    assert low <= aborted <= high


def test_a_workload_fault_meets_only_the_workload(bench: Bench) -> None:
    halves = HttpRoute(destinations=split(50, 50))
    shop = config(at_gateway(halves), in_mesh(halves))
    bench.apply(shop, faults=(WorkloadFault(FOOD, abort_percent=100.0),))
    with bench.connection() as connection:
        got = Counter((a.status, a.backend) for a in (exchange(connection, "/") for _ in range(60)))
    assert {status for status, backend in got if backend is None} == {500}
    assert {backend for _, backend in got if backend} == {MUSIC, "shop-music#2"}
    assert all(name.startswith("rds-") for name in bench.apply(shop))
    assert answers(bench, 40).keys() == {FOOD, MUSIC, "shop-music#2"}


def test_a_workload_fault_leaves_the_routes_own_fault_in_place(bench: Bench) -> None:
    route = HttpRoute(destinations=FOOD_ONLY, fault=FaultInjection(abort_status=418))
    # Envoy counts whole milliseconds from the beginning of its loop's turn, so it may be a little early.
    bench.apply(config(at_gateway(route), in_mesh(route)), faults=(WorkloadFault(FOOD, delay_ms=62),))
    [duration] = _durations(bench, 1)
    assert duration >= 0.06
    assert bench.request().status == 418


def test_mirrors_get_a_copy(bench: Bench) -> None:
    mirrors = (Mirror(to(TILL)), Mirror(to(SHOP, "music")), Mirror(to(TILL), 0.0))
    bench.apply(config(at_gateway(HttpRoute(destinations=FOOD_ONLY, mirrors=mirrors))))
    path = f"/mirrored-{next(_keys)}"
    assert bench.request(path).backend == FOOD

    def copies() -> list[str]:
        return [name for name in bench.backends for seen in bench.seen_by(name) if seen["path"] == path]

    wait_for(lambda: len(copies()) == 3, "the copies")
    assert sorted(name.partition("#")[0] for name in copies()) == [FOOD, MUSIC, TILLS]


def test_cors(bench: Bench) -> None:
    policy = CorsPolicy((exact("https://a.example"),), ("GET", "PUT"), ("x-a",), ("x-b",), 3_600_000, True)
    bench.apply(config(at_gateway(HttpRoute(destinations=FOOD_ONLY, cors=policy))))
    asked = {"origin": "https://a.example", "access-control-request-method": "PUT"}
    preflight = bench.request(method="OPTIONS", headers=asked)
    assert (preflight.status, preflight.backend) == (200, None)
    allowed = {name.removeprefix("access-control-"): value for name, value in preflight.headers.items()}
    assert allowed["allow-origin"] == "https://a.example"
    assert allowed["allow-methods"] == "GET,PUT"
    assert allowed["allow-headers"] == "x-a"
    assert allowed["max-age"] == "3600"
    assert allowed["allow-credentials"] == "true"
    answer = bench.request(headers={"origin": "https://a.example"})
    assert answer.headers["access-control-expose-headers"] == "x-b"
    assert "access-control-allow-origin" not in bench.request(headers={"origin": "https://b.example"}).headers


@pytest.mark.parametrize(
    ("hashing", "path", "header"),
    [
        (ConsistentHash(header="x-user"), "/", "x-user: {}"),
        (ConsistentHash(query_parameter="user"), "/?user={}", ""),
        (ConsistentHash(cookie="user"), "/", "cookie: user={}"),
    ],
    ids=["header", "query parameter", "cookie"],
)
def test_a_consistent_hash_sends_equal_requests_to_one_replica(
    hashing: ConsistentHash, path: str, header: str, bench: Bench
) -> None:
    rule = shop_policy(TrafficPolicy(consistent_hash=hashing))
    bench.apply(config(at_gateway(HttpRoute(destinations=MUSIC_ONLY)), rules=(rule,)))

    def replicas(user: int) -> set[str | None]:
        name, _, value = header.format(user).partition(": ")
        headers = {name: value} if name else {}
        return {bench.request(path.format(user), headers=headers).backend for _ in range(8)}

    of_users = [replicas(user) for user in range(12)]
    assert all(len(replica) == 1 for replica in of_users)
    assert len(set.union(*of_users)) == 2


def test_a_cookie_is_given_to_who_has_none(bench: Bench) -> None:
    hashing = ConsistentHash(cookie="user", cookie_ttl_ms=60_000, cookie_path="/p")
    rule = shop_policy(TrafficPolicy(consistent_hash=hashing))
    bench.apply(config(at_gateway(HttpRoute(destinations=MUSIC_ONLY)), rules=(rule,)))
    cookie = bench.request().headers["set-cookie"]
    assert cookie.startswith("user=")
    assert "Max-Age=60" in cookie
    assert "Path=/p" in cookie


def test_equal_sources_go_to_one_replica(bench: Bench) -> None:
    rule = shop_policy(TrafficPolicy(consistent_hash=ConsistentHash(use_source_ip=True)))
    bench.apply(config(at_gateway(HttpRoute(destinations=MUSIC_ONLY)), rules=(rule,)))
    assert len(answers(bench, 20)) == 1


@pytest.mark.parametrize(
    "algorithm", [LoadBalancer.ROUND_ROBIN, LoadBalancer.RANDOM, LoadBalancer.LEAST_REQUEST]
)
def test_every_algorithm_reaches_all_replicas(algorithm: LoadBalancer, bench: Bench) -> None:
    rule = shop_policy(TrafficPolicy(load_balancer=algorithm))
    bench.apply(config(at_gateway(HttpRoute(destinations=MUSIC_ONLY)), rules=(rule,)))
    got = answers(bench, 40)
    assert got.keys() == {MUSIC, "shop-music#2"}
    if algorithm is LoadBalancer.ROUND_ROBIN:
        assert set(got.values()) == {20}


def test_a_failing_replica_is_ejected_and_comes_back(bench: Bench) -> None:
    outliers = OutlierDetection(3, interval_ms=50, base_ejection_ms=400, max_ejection_percent=50)
    rule = shop_policy(TrafficPolicy(load_balancer=LoadBalancer.ROUND_ROBIN, outlier_detection=outliers))
    bench.apply(config(at_gateway(HttpRoute(destinations=MUSIC_ONLY, retries=NEVER)), rules=(rule,)))
    broken = {"x-status": "500", "x-only": "shop-music#2"}

    def statuses() -> set[int]:
        with bench.connection() as connection:
            return {exchange(connection, "/", headers=broken).status for _ in range(10)}

    wait_for(lambda: statuses() == {200}, "the ejection")
    wait_for(lambda: "shop-music#2" in answers(bench, 10), "the return")


def test_more_requests_than_the_pool_takes_are_refused(bench: Bench) -> None:
    pool = ConnectionPool(max_connections=1, max_pending_requests=1, max_requests_per_connection=1)
    rule = shop_policy(TrafficPolicy(connection_pool=pool))
    bench.apply(config(at_gateway(HttpRoute(destinations=FOOD_ONLY, retries=NEVER)), rules=(rule,)))
    with ThreadPoolExecutor(6) as threads:
        got = list(threads.map(lambda _: bench.request(headers={"x-delay-ms": "150"}), range(6)))
    refused = [answer for answer in got if answer.status == 503]
    assert {answer.status for answer in got} == {200, 503}
    assert all(answer.headers["x-envoy-overloaded"] == "true" for answer in refused)


def _durations(bench: Bench, requests: int) -> list[float]:
    durations = []
    with bench.connection() as connection:
        for _ in range(requests):
            began = time.monotonic()
            exchange(connection, "/")
            durations.append(time.monotonic() - began)
    return durations
