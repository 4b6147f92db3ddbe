"""Whatever the typed configuration can say, a real Envoy takes what is rendered of it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marskit.domain.config import OutlierDetection, Retries
from marskit.mesh.envoy.resources.model import WorkloadFault
from marskit.mesh.manifests.istio import (
    CorsPolicy,
    DestinationRule,
    DirectResponse,
    FaultInjection,
    HeaderOperations,
    Headers,
    HttpMatch,
    HttpRoute,
    MatchKind,
    Mirror,
    Redirect,
    RetryChoice,
    Rewrite,
    RouteDestination,
    StringMatch,
    Subset,
    VirtualService,
)
from marskit.mesh.manifests.traffic_policy import (
    ConnectionPool,
    ConsistentHash,
    LoadBalancer,
    OutlierChoice,
    RetryBudget,
    TrafficPolicy,
    Warmup,
)
from tests.mesh.envoy.resources.bench import Bench
from tests.mesh.envoy.resources.factory import (
    FOOD,
    GATE,
    NAMESPACE,
    SHOP,
    SHOP_RULE,
    TILL,
    VOID,
    at_gateway,
    config,
    in_mesh,
    split,
)

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("envoy-resources")]


def some(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


paths = st.sampled_from(["/", "/a", "/a/", "/a%20b", "/ä", "/a?b", " "])
names = st.sampled_from(["x-a", "X-B", "host", "accept"])
values = st.sampled_from(["", "a", "a b", "%REQ(x-a)%", "100%%"])
regexes = st.sampled_from([".*", "/[a-z]+", "^/a/?(.*)$", "(?i)a|b"])
percents = st.sampled_from([0.0, 0.1, 33.3, 100.0])
milliseconds = st.integers(1, 3_600_000)
counts = st.integers(1, 2**31)
pairs = st.lists(st.tuples(names.filter("host".__ne__), values), max_size=2).map(tuple)
strings = st.builds(StringMatch, st.sampled_from(list(MatchKind)), values.filter(bool)) | st.builds(
    StringMatch, st.just(MatchKind.REGEX), regexes
)
uris = st.builds(StringMatch, st.sampled_from([MatchKind.EXACT, MatchKind.PREFIX]), paths) | st.builds(
    StringMatch, st.just(MatchKind.REGEX), regexes
)
conditions = st.lists(st.tuples(names, some(strings)), max_size=2).map(tuple)
matches = st.builds(
    HttpMatch,
    some(uris),
    st.booleans(),
    some(strings),
    some(strings),
    some(strings),
    conditions,
    conditions,
    conditions,
    some(st.sampled_from([80, 8080])),
    st.sampled_from([(), (GATE,), ("mesh",)]),
    st.sampled_from([(), (("tier", "gold"),)]),
    some(st.just(NAMESPACE)),
)
operations = st.builds(
    HeaderOperations, pairs, pairs, st.lists(names.filter("host".__ne__), max_size=2).map(tuple)
)
renaming = st.builds(HeaderOperations, st.just((("host", "a.example"),)))
headers = st.builds(Headers, operations | renaming, operations)
destinations = st.builds(
    RouteDestination,
    st.sampled_from([SHOP, TILL, VOID]),
    st.none(),
    some(st.just(8080)),
    st.integers(0, 100),
    headers,
) | st.builds(RouteDestination, st.just(SHOP), st.just("food"), st.just(8080), st.integers(1, 1000), headers)
retries = st.builds(
    Retries,
    st.integers(0, 5),
    some(milliseconds),
    st.sampled_from(["", "5xx,reset", "503", "gateway-error, 429", "retriable-status-codes,500"]),
)
actions = st.fixed_dictionaries(
    {},
    optional={
        "rewrite": st.builds(Rewrite, some(paths), some(st.just("b.example")))
        | st.builds(Rewrite, uri_regex=st.just((r"^/a/?(.*)$", r"/\1"))),
        "timeout_ms": milliseconds,
        "retries": retries,
        "retry_choice": st.builds(RetryChoice, some(milliseconds), some(st.booleans())),
        "mirrors": st.lists(st.builds(Mirror, destinations, percents), max_size=2).map(tuple),
    },
)
targets: st.SearchStrategy[dict[str, Any]] = (
    st.builds(dict, destinations=st.tuples(destinations), rest=actions)
    | st.builds(dict, destinations=st.just(split(9, 1)), rest=actions)
    | st.builds(
        dict,
        redirect=st.builds(
            Redirect,
            some(paths),
            some(st.just("c.example")),
            some(st.integers(1, 65535)),
            some(st.sampled_from(["http", "https"])),
            st.sampled_from([301, 302, 303, 307, 308]),
            st.booleans(),
        ),
    )
    | st.builds(dict, direct_response=st.builds(DirectResponse, st.integers(200, 599), some(values)))
)
faults = st.builds(
    FaultInjection,
    some(milliseconds),
    percents,
    some(st.integers(200, 599)),
    percents,
    some(st.integers(0, 16)),
)
cors = st.builds(
    CorsPolicy,
    st.lists(strings, max_size=2).map(tuple),
    st.lists(st.sampled_from(["GET", "PUT"]), max_size=2).map(tuple),
    st.lists(names, max_size=2).map(tuple),
    st.lists(names, max_size=2).map(tuple),
    some(milliseconds),
    some(st.booleans()),
    st.booleans(),
)


@st.composite
def routes(draw: st.DrawFn) -> HttpRoute:
    fields = dict(draw(targets))
    return HttpRoute(
        matches=tuple(draw(st.lists(matches, max_size=2))),
        fault=draw(some(faults)),  # type: ignore[arg-type]
        headers=draw(headers),
        cors=draw(some(cors)),  # type: ignore[arg-type]
        **fields.pop("rest", {}),
        **fields,
    )


hashes = (
    st.builds(ConsistentHash, header=st.just("x-a"), minimum_ring_size=some(st.integers(1, 4096)))
    | st.builds(
        ConsistentHash,
        cookie=st.just("c"),
        cookie_ttl_ms=some(st.integers(0, 9000)),
        cookie_path=some(st.just("/p")),
    )
    | st.builds(ConsistentHash, query_parameter=st.just("q"))
    | st.builds(ConsistentHash, use_source_ip=st.just(True))
    | st.builds(ConsistentHash, header=st.just("x-a"), maglev_table_size=st.sampled_from([2, 101, 1009]))
)
outliers = st.builds(OutlierDetection, st.integers(0, 100), milliseconds, milliseconds, st.integers(0, 100))
warmups = st.builds(
    Warmup, milliseconds, some(st.sampled_from([0.0, 10.0, 100.0])), some(st.sampled_from([1.0, 2.5]))
)
choices = st.builds(OutlierChoice, some(counts), some(counts), st.booleans(), st.integers(0, 100))
parts: dict[str, st.SearchStrategy[Any]] = {
    "load_balancer": some(st.sampled_from(list(LoadBalancer))),
    "consistent_hash": some(hashes),
    "connection_pool": some(
        st.builds(
            ConnectionPool,
            *(some(each) for each in (counts, milliseconds, *[counts] * 4, *[milliseconds] * 2)),
        )
    ),
    "warmup": some(warmups),
    "outlier_detection": some(outliers),
    "outlier_choice": choices,
}
of_ports = st.tuples(st.tuples(st.just(8080), st.builds(TrafficPolicy, **parts)))
budgets = st.builds(RetryBudget, some(percents), some(counts))
policies = st.builds(TrafficPolicy, **parts, retry_budget=some(budgets), ports=st.just(()) | of_ports)


@st.composite
def rules(draw: st.DrawFn) -> DestinationRule:
    subsets = tuple(
        Subset(subset.name, subset.labels, draw(some(policies)))  # type: ignore[arg-type]
        for subset in SHOP_RULE.subsets
    )
    return DestinationRule("shop", NAMESPACE, SHOP, draw(some(policies)), subsets)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    outside=st.lists(routes(), min_size=1, max_size=3),
    inside=st.lists(routes(), min_size=1, max_size=3),
    both=routes(),
    rule=rules(),
)
def test_envoy_takes_whatever_is_rendered(
    bench: Bench, outside: list[HttpRoute], inside: list[HttpRoute], both: HttpRoute, rule: DestinationRule
) -> None:
    everywhere = VirtualService("both", NAMESPACE, ("*.example.com", TILL), (GATE, "mesh"), (both,))
    bench.apply(config(at_gateway(*outside), in_mesh(*inside), everywhere, rules=(rule,)))


def test_envoy_takes_injected_faults(bench: Bench) -> None:
    halves = HttpRoute(destinations=split(50, 50))
    injected = (WorkloadFault(FOOD, delay_ms=1, abort_percent=0.1),)
    bench.apply(config(at_gateway(halves), in_mesh(halves)), faults=injected)
