"""Istio's features, one small configuration each, as a real Envoy serves them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from marskit.mesh.manifests.istio import (
    HttpMatch,
    HttpRoute,
)
from tests.mesh.envoy.resources.bench import Bench
from tests.mesh.envoy.resources.factory import (
    FOOD,
    FOOD_ONLY,
    MUSIC_ONLY,
    TILL,
    TILLS,
    at_gateway,
    config,
    exact,
    prefix,
    to,
    when,
)

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("envoy-resources")]


@dataclass(frozen=True)
class Ask:
    path: str
    status: int = 200
    backend: str | None = None
    """The workload that is to answer."""
    sees: str | None = None
    """The path that it is to see."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str | None = None
    body: str | None = None


@dataclass(frozen=True)
class Case:
    name: str
    http: tuple[HttpRoute, ...]
    asks: tuple[Ask, ...]


REST = HttpRoute(destinations=(to(TILL),))
"""What is not taken by the rule under test goes to the till."""

CASES = (
    Case(
        "the first rule that matches decides",
        (
            when(HttpMatch(prefix("/a")), FOOD_ONLY),
            when(HttpMatch(prefix("/a/b")), MUSIC_ONLY),
        ),
        (Ask("/a/b", backend="shop-food"), Ask("/x", 404)),
    ),
    Case(
        "exact path",
        (when(HttpMatch(exact("/a")), FOOD_ONLY), REST),
        (
            Ask("/a", backend=FOOD),
            Ask("/a?q=1", backend=FOOD),
            Ask("/a/", backend=TILLS),
            Ask("/A", backend=TILLS),
        ),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_routes_as_istio_does(case: Case, bench: Bench) -> None:
    bench.apply(config(at_gateway(*case.http)))
    for ask in case.asks:
        answer = bench.request(ask.path, method=ask.method, headers=ask.headers)
        assert answer.status == ask.status, ask
        if ask.backend is not None:
            assert answer.backend == ask.backend, ask
        if ask.sees is not None:
            assert answer.sent["path"] == ask.sees, ask
        if ask.location is not None:
            assert answer.headers["location"] == ask.location, ask
        if ask.body is not None:
            assert answer.body == ask.body, ask
