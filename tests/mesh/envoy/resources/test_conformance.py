"""Istio's routing features, one small configuration each, as a real Envoy serves them at the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from marskit.mesh.manifests.istio import (
    DirectResponse,
    HeaderOperations,
    Headers,
    HttpMatch,
    HttpRoute,
    Redirect,
    Rewrite,
    RouteDestination,
)
from tests.mesh.envoy.resources.bench import Bench
from tests.mesh.envoy.resources.factory import (
    FOOD,
    FOOD_ONLY,
    MUSIC_ONLY,
    SHOP,
    TILL,
    TILLS,
    at_gateway,
    config,
    exact,
    prefix,
    regex,
    to,
    when,
)

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("envoy-resources")]


@dataclass(frozen=True)
class Ask:
    path: str
    status: int = 200
    by: str | None = None
    """The workload that is to answer."""
    sees: str | None = None
    """The path that it is to see."""
    sees_headers: Mapping[str, str | None] = field(default_factory=dict)
    """The headers that it is to see; None for those that must not arrive."""
    gets: Mapping[str, str | None] = field(default_factory=dict)
    """The headers that are to come back; None for those that must not."""
    body: str | None = None
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


REST = HttpRoute(destinations=(to(TILL),))
"""What the rule under test does not take goes to the till."""

NONE = Headers()
ORDERS = (exact("/orders"), prefix("/orders/"))


def taken(match: HttpMatch, *others: HttpMatch) -> tuple[HttpRoute, ...]:
    """What matches goes to the shop, the rest to the till."""
    return HttpRoute(matches=(match, *others), destinations=FOOD_ONLY), REST


def rewritten(match: HttpMatch, rewrite: Rewrite) -> tuple[HttpRoute, ...]:
    return HttpRoute(matches=(match,), destinations=FOOD_ONLY, rewrite=rewrite), REST


def redirected(redirect: Redirect) -> tuple[HttpRoute, ...]:
    return (HttpRoute(matches=(HttpMatch(prefix("/old")),), redirect=redirect), REST)


def with_headers(route: Headers = NONE, destination: Headers = NONE) -> tuple[HttpRoute, ...]:
    return (HttpRoute(destinations=(RouteDestination(SHOP, "food", 8080, 0, destination),), headers=route),)


CASES: dict[str, tuple[tuple[HttpRoute, ...], tuple[Ask, ...]]] = {
    "the first rule that matches decides": (
        (when(HttpMatch(prefix("/a")), FOOD_ONLY), when(HttpMatch(prefix("/a/b")), MUSIC_ONLY), REST),
        (Ask("/a/b", by=FOOD), Ask("/x", by=TILLS)),
    ),
    "nothing after a rule for everything": (
        (REST, when(HttpMatch(exact("/a")), FOOD_ONLY)),
        (Ask("/a", by=TILLS),),
    ),
    "no rule matches": ((when(HttpMatch(exact("/a")), FOOD_ONLY),), (Ask("/b", 404), Ask("/a", by=FOOD))),
    "exact path": (
        taken(HttpMatch(exact("/a"))),
        (Ask("/a", by=FOOD), Ask("/a?q=1", by=FOOD), Ask("/a/", by=TILLS), Ask("/A", by=TILLS)),
    ),
    "path prefix": (
        taken(HttpMatch(prefix("/a"))),
        (Ask("/a", by=FOOD), Ask("/ab/c", by=FOOD), Ask("/b", by=TILLS)),
    ),
    "path regex is held against the whole path": (
        taken(HttpMatch(regex("/items/[0-9]+"))),
        (Ask("/items/42", by=FOOD), Ask("/items/42?q=1", by=FOOD), Ask("/items/42/x", by=TILLS)),
    ),
    "path without regard to case": (
        taken(HttpMatch(exact("/a"), ignore_uri_case=True), HttpMatch(prefix("/p"), ignore_uri_case=True)),
        (Ask("/A", by=FOOD), Ask("/Px", by=FOOD), Ask("/b", by=TILLS)),
    ),
    "method": (
        taken(HttpMatch(method=exact("POST"))),
        (Ask("/", by=FOOD, method="POST"), Ask("/", by=TILLS)),
    ),
    "authority": (
        taken(HttpMatch(authority=prefix("shop."))),
        (Ask("/", by=FOOD, headers={"host": "shop.example.com"}), Ask("/", by=TILLS)),
    ),
    "scheme": (
        taken(HttpMatch(exact("/s"), scheme=exact("https")), HttpMatch(exact("/p"), scheme=exact("http"))),
        (Ask("/p", by=FOOD), Ask("/s", by=TILLS)),
    ),
    "header exact": (
        taken(HttpMatch(headers=(("x-user", exact("jo")),))),
        (
            Ask("/", by=FOOD, headers={"X-User": "jo"}),
            Ask("/", by=TILLS, headers={"x-user": "joan"}),
            Ask("/", by=TILLS),
        ),
    ),
    "header prefix": (
        taken(HttpMatch(headers=(("x-user", prefix("jo")),))),
        (Ask("/", by=FOOD, headers={"x-user": "joan"}), Ask("/", by=TILLS, headers={"x-user": "al"})),
    ),
    "header regex": (
        taken(HttpMatch(headers=(("x-user", regex("jo[a-z]")),))),
        (Ask("/", by=FOOD, headers={"x-user": "joe"}), Ask("/", by=TILLS, headers={"x-user": "joan"})),
    ),
    "header present": (
        taken(HttpMatch(headers=(("x-user", None),))),
        (Ask("/", by=FOOD, headers={"x-user": ""}), Ask("/", by=TILLS)),
    ),
    "without a header": (
        taken(HttpMatch(without_headers=(("x-user", None),))),
        (Ask("/", by=FOOD), Ask("/", by=TILLS, headers={"x-user": "jo"})),
    ),
    "without a header's value": (
        taken(HttpMatch(without_headers=(("x-user", exact("jo")),))),
        (
            Ask("/", by=FOOD),
            Ask("/", by=FOOD, headers={"x-user": "al"}),
            Ask("/", by=TILLS, headers={"x-user": "jo"}),
        ),
    ),
    "query parameter exact": (
        taken(HttpMatch(query_params=(("v", exact("2")),))),
        (Ask("/?v=2", by=FOOD), Ask("/?a=1&v=2", by=FOOD), Ask("/?v=22", by=TILLS), Ask("/", by=TILLS)),
    ),
    "query parameter regex and present": (
        taken(HttpMatch(query_params=(("v", regex("[0-9]+")), ("w", None)))),
        (
            Ask("/?v=12&w", by=FOOD),
            Ask("/?v=12&w=1", by=FOOD),
            Ask("/?v=12", by=TILLS),
            Ask("/?v=x&w", by=TILLS),
        ),
    ),
    "all conditions of a match must hold": (
        taken(HttpMatch(prefix("/a"), method=exact("GET"), headers=(("x-user", exact("jo")),))),
        (
            Ask("/a", by=FOOD, headers={"x-user": "jo"}),
            Ask("/a", by=TILLS),
            Ask("/b", by=TILLS, headers={"x-user": "jo"}),
        ),
    ),
    "one of several matches is enough": (
        taken(HttpMatch(exact("/a")), HttpMatch(headers=(("x-user", exact("jo")),))),
        (Ask("/a", by=FOOD), Ask("/b", by=FOOD, headers={"x-user": "jo"}), Ask("/b", by=TILLS)),
    ),
    "port of the gateway": (
        taken(HttpMatch(exact("/a"), port=80), HttpMatch(exact("/b"), port=81)),
        (Ask("/a", by=FOOD), Ask("/b", by=TILLS)),
    ),
    "gateways of a match": (
        taken(HttpMatch(exact("/a"), gateways=("town/gate",)), HttpMatch(exact("/b"), gateways=("mesh",))),
        (Ask("/a", by=FOOD), Ask("/b", by=TILLS)),
    ),
    "labels of a source are those of workloads, not of the gateway": (
        taken(HttpMatch(exact("/a"), source_labels=(("app", "front"),))),
        (Ask("/a", by=TILLS),),
    ),
    "rewrite of an exact path": (
        rewritten(HttpMatch(exact("/orders")), Rewrite("/v2")),
        (
            Ask("/orders", by=FOOD, sees="/v2"),
            Ask("/orders?x=1", by=FOOD, sees="/v2?x=1"),
            Ask("/o", by=TILLS, sees="/o"),
        ),
    ),
    "rewrite of a prefix": (
        rewritten(HttpMatch(prefix("/orders")), Rewrite("/v2")),
        (Ask("/orders/7?x=1", by=FOOD, sees="/v2/7?x=1"), Ask("/orders", by=FOOD, sees="/v2")),
    ),
    "rewrite of a prefix by the root doubles the slash, as with Istio": (
        rewritten(HttpMatch(prefix("/orders")), Rewrite("/")),
        (Ask("/orders", by=FOOD, sees="/"), Ask("/orders/abc", by=FOOD, sees="//abc")),
    ),
    "rewrite of a path that a regex matched": (
        rewritten(HttpMatch(regex("/o[a-z]+/[0-9]+")), Rewrite("/v2")),
        (Ask("/orders/7?x=1", by=FOOD, sees="/v2?x=1"),),
    ),
    "rewrite without a path condition": (
        rewritten(HttpMatch(method=exact("GET")), Rewrite("/v2/")),
        (Ask("/orders", by=FOOD, sees="/v2/orders"),),
    ),
    "rewrite by regex": (
        (
            HttpRoute(
                matches=tuple(HttpMatch(uri) for uri in ORDERS),
                destinations=FOOD_ONLY,
                rewrite=Rewrite(uri_regex=(r"^/orders/?(.*)$", r"/\1")),
            ),
            REST,
        ),
        (
            Ask("/orders", by=FOOD, sees="/"),
            Ask("/orders/", by=FOOD, sees="/"),
            Ask("/orders/abc", by=FOOD, sees="/abc"),
            Ask("/orders?x=1", by=FOOD, sees="/?x=1"),
            Ask("/orders/abc/d?x=1&y=/orders/", by=FOOD, sees="/abc/d?x=1&y=/orders/"),
            Ask("/ordersX", by=TILLS, sees="/ordersX"),
        ),
    ),
    "rewrite of the authority": (
        rewritten(HttpMatch(prefix("/a")), Rewrite(authority="inner.example.com")),
        (Ask("/a", by=FOOD, sees="/a", sees_headers={"host": "inner.example.com"}),),
    ),
    "redirect of the path": (
        redirected(Redirect(uri="/new", code=301)),
        (
            Ask("/old?x=1", 301, gets={"location": "http://h/new?x=1"}, headers={"host": "h"}),
            Ask("/x", by=TILLS),
        ),
    ),
    "redirect to another place": (
        redirected(Redirect(authority="new.example.com", scheme="https", port=8443, code=308)),
        (Ask("/old/a", 308, gets={"location": "https://new.example.com:8443/old/a"}),),
    ),
    "redirect leaves the usual port out": (
        redirected(Redirect(authority="new.example.com", scheme="https", port=443, code=302)),
        (Ask("/old", 302, gets={"location": "https://new.example.com/old"}),),
    ),
    "direct response": (
        (HttpRoute(matches=(HttpMatch(exact("/t")),), direct_response=DirectResponse(418, "teapot")), REST),
        (Ask("/t", 418, body="teapot"), Ask("/x", by=TILLS)),
    ),
    "direct response without a body": (
        (HttpRoute(direct_response=DirectResponse(503)),),
        (Ask("/", 503, body=""),),
    ),
    "headers set, added and removed on the way": (
        with_headers(
            Headers(
                HeaderOperations((("x-set", "1"),), (("x-add", "2"),), ("x-gone",)),
                HeaderOperations((("x-back", "3"),), (("x-more", "4"),), ("x-backend",)),
            )
        ),
        (
            Ask(
                "/",
                headers={"x-set": "old", "x-add": "old", "x-gone": "old"},
                sees_headers={"x-set": "1", "x-add": "old, 2", "x-gone": None},
                gets={"x-back": "3", "x-more": "4", "x-backend": None},
            ),
        ),
    ),
    "headers of a destination": (
        with_headers(
            destination=Headers(
                HeaderOperations((("x-set", "1"), ("Host", "inner")), (), ("x-gone",)),
                HeaderOperations((), (("x-more", "4"),), ()),
            )
        ),
        (
            Ask(
                "/",
                by=FOOD,
                headers={"x-gone": "old"},
                sees_headers={"x-set": "1", "host": "inner", "x-gone": None},
                gets={"x-more": "4"},
            ),
        ),
    ),
    "the route's authority wins over a destination's": (
        with_headers(
            Headers(HeaderOperations(((":authority", "outer"),))),
            Headers(HeaderOperations((("host", "inner"),))),
        ),
        (Ask("/", by=FOOD, sees_headers={"host": "outer"}),),
    ),
    "dots in a path are resolved before it is matched": (
        taken(HttpMatch(prefix("/a"))),
        (Ask("/b/../a/x", by=FOOD, sees="/a/x"), Ask("/a/../b", by=TILLS, sees="/b")),
    ),
    "the workload learns how often it was tried": (
        (REST,),
        (Ask("/", by=TILLS, sees_headers={"x-envoy-attempt-count": "1"}),),
    ),
    "a client's request id is kept": (
        (REST,),
        (Ask("/", by=TILLS, headers={"x-request-id": "abc-1"}, sees_headers={"x-request-id": "abc-1"}),),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_routes_as_istio_does(name: str, bench: Bench) -> None:
    http, asks = CASES[name]
    bench.apply(config(at_gateway(*http)))
    for ask in asks:
        answer = bench.request(ask.path, method=ask.method, headers=ask.headers)
        assert answer.status == ask.status, ask
        if ask.by is not None:
            assert answer.backend == ask.by, ask
        if ask.sees is not None:
            assert answer.sent["path"] == ask.sees, ask
        if ask.body is not None:
            assert answer.body == ask.body, ask
        for header, value in ask.gets.items():
            assert answer.headers.get(header) == value, ask
        for header, value in ask.sees_headers.items():
            assert answer.sent["headers"].get(header) == value, ask
