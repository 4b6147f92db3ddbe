"""Traffic management that shows only over several requests or over time, as a real Envoy does it."""

import time
from collections import Counter
from itertools import count

import pytest

from marskit.domain.config import Retries
from marskit.mesh.manifests.istio import HttpRoute
from tests.mesh.envoy.resources.bench import Bench, exchange
from tests.mesh.envoy.resources.factory import FOOD, FOOD_ONLY, MUSIC, at_gateway, config, split

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
