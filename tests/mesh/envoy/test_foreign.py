"""Manifests that are not ours, run as they are: Istio's classic walk through an app of four services."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

from marskit.domain.actions import Scale, ShiftTraffic
from marskit.domain.faults import ClearFaults, InjectErrors, KillReplica, SlowDown
from marskit.domain.goals import Goals, Slo
from marskit.domain.topology import EdgeId
from marskit.load.scenario import load_scenario
from marskit.mesh.envoy.binaries import node_binary
from marskit.mesh.envoy.resources.render import expressible_listeners
from marskit.mesh.envoy.telemetry import EdgeNames
from marskit.mesh.manifests.graph import (
    DEFAULT_AVAILABILITY_PERCENT,
    DEFAULT_LATENCY_P95_MS,
    configuration,
    goals,
    topology,
)
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.port import ActionError, Applied
from tests.mesh.envoy.bookshop import (
    BOOKSHOP,
    DETAILS,
    MANIFESTS,
    MAPPING,
    PAGE,
    bookshop,
    eventually,
    mapping_with,
)

mesh = pytest.mark.mesh
REVIEWS = {
    version: EdgeId("productpage-v1", "reviews", f"reviews-{version}") for version in ("v1", "v2", "v3")
}
RATINGS = {version: EdgeId(f"reviews-{version}", "ratings", "ratings-v1") for version in ("v2", "v3")}
DETAILS_ENV = 'details.mjs"]\nport_env = "PORT"\nenv = { '
FLAKY_ENV = f'{DETAILS_ENV}FAIL_EVERY = "3", '


def test_the_call_graph_is_read_off_the_variables() -> None:
    graph = topology(load_mesh([MANIFESTS], mapping=MAPPING))
    assert set(graph.edges) == {PAGE, DETAILS, *REVIEWS.values(), *RATINGS.values()}
    assert {workload.name: workload.version for workload in graph.workloads} == {
        "details-v1": "v1",
        "productpage-v1": "v1",
        "ratings-v1": "v1",
        "reviews-v1": "v1",
        "reviews-v2": "v2",
        "reviews-v3": "v3",
    }
    assert [(w.min_replicas, w.max_replicas) for w in graph.workloads if w.service == "reviews"] == [
        (1, 10),
        (1, 10),
        (1, 4),
    ]


def test_the_entrance_has_an_objective_whether_written_or_not(tmp_path: Path) -> None:
    assert goals(load_mesh([MANIFESTS], mapping=MAPPING)).slos == (Slo("productpage", 100, 0.95, 99),)
    written = "[slo.productpage]\nlatency_p95_ms = 100\navailability_percent = 99\n"
    usual = load_mesh([MANIFESTS], mapping=mapping_with(tmp_path, (written, "")))
    assert goals(usual) == Goals(
        (Slo("productpage", DEFAULT_LATENCY_P95_MS, 0.95, DEFAULT_AVAILABILITY_PERCENT),)
    )


def test_every_step_of_the_walk_is_described_and_loads() -> None:
    steps = sorted((BOOKSHOP / "walk").iterdir())
    described = re.findall(
        r"^\| \[[\w-]+\]\((walk/.+?)\)", (BOOKSHOP / "README.md").read_text(), re.MULTILINE
    )
    assert described == [f"walk/{step.name}" for step in steps]
    for step in steps:
        assert not load_mesh([MANIFESTS, step], mapping=MAPPING).notices
    assert load_scenario(BOOKSHOP / "browse.toml").peak_rate == 25


@mesh
async def test_without_routes_every_version_answers() -> None:
    async with bookshop() as shop:
        seen = Counter(page.version for page in await shop.pages(60))
        assert set(seen) == {"v1", "v2", "v3"}
        edges = await shop.edges()
        assert {version: edges[edge].requests for version, edge in REVIEWS.items()} == seen
        assert edges[PAGE].requests == edges[DETAILS].requests == 60
        assert [edges[edge].requests for edge in RATINGS.values()] == [seen["v2"], seen["v3"]]
        assert (await shop.client.get(f"{shop.url}/health")).status_code == 404


@mesh
async def test_all_traffic_to_version_1() -> None:
    async with bookshop("1-all-v1") as shop:
        seen = Counter(
            (page.status, page.version, page.reviews.get("error")) for page in await shop.pages(30)
        )
        assert seen == {(200, "v1", None): 30}


@mesh
async def test_a_header_decides_deep_in_the_mesh() -> None:
    async with bookshop("2-jason-v2") as shop:
        for reader, version in (("jason", "v2"), (None, "v1"), ("jasonx", "v1"), ("jason", "v2")):
            assert (await shop.page(reader)).version == version


@mesh
@pytest.mark.parametrize(
    ("step", "percent", "within"), [("3-canary-90-10", 10, 6.5), ("4-canary-50-50", 50, 11)]
)
async def test_weights_share_the_traffic(step: str, percent: int, within: float) -> None:
    # Both bounds are more than five standard deviations, so that chance does not fail the test.
    async with bookshop(step) as shop:
        seen = Counter(page.version for page in await shop.pages(600))
        assert set(seen) == {"v1", "v3"}
        assert abs(seen["v3"] / 6 - percent) < within
        edges = await shop.edges()
        assert [edges[REVIEWS[version]].requests for version in ("v1", "v3")] == [seen["v1"], seen["v3"]]
        outcome = await shop.mesh.execute(ShiftTraffic("reviews", 0, (("v1", 0), ("v3", 100))))
        assert isinstance(outcome, Applied)
        assert {page.version for page in await shop.pages(20)} == {"v3"}


@mesh
async def test_a_delay_for_one_reader() -> None:
    async with bookshop("5-delay-for-jason") as shop:
        await shop.pages(10)
        guest, jason = await asyncio.gather(shop.page(), shop.page("jason"))
        assert guest.took_s < 1 < 2 <= jason.took_s < 3
        assert guest.stars == jason.stars == {"colour": "black", "Mira": 5, "Tomás": 4}


@mesh
async def test_a_failure_for_one_reader() -> None:
    async with bookshop("6-abort-for-jason") as shop:
        guest, jason = await shop.page(), await shop.page("jason")
        assert guest.stars == {"colour": "black", "Mira": 5, "Tomás": 4}
        assert (jason.status, jason.stars) == (200, {"colour": "black", "error": "answered 500"})
        edge = (await shop.edges())[RATINGS["v2"]]
        assert (edge.requests, edge.failures, edge.response_flags) == (2, 1, (("FI", 1),))


@mesh
async def test_a_mirror_sees_everything_and_says_nothing() -> None:
    async with bookshop("7-mirror") as shop:
        pages = await shop.pages(25)
        assert {(page.version, page.stars is None) for page in pages} == {("v1", True)}
        copies = 0

        async def counted() -> int:
            return (await shop.edges())[RATINGS["v3"]].requests

        async with asyncio.timeout(10):
            # Nobody waits for a copy, so its own call to the ratings may come later.
            while copies < 25:
                copies += await counted()
        assert copies == 25


@mesh
async def test_a_timeout_cuts_off_and_retries_mend(tmp_path: Path) -> None:
    flaky = mapping_with(tmp_path, (DETAILS_ENV, FLAKY_ENV))
    async with bookshop("8-timeout-and-retries", mapping=flaky) as shop:
        page = await shop.page()
        assert page.reviews == {"error": "answered 504"}
        assert 0.5 <= page.took_s < 1.5
        pages = await shop.pages(12)
        assert {frozenset(page.details) for page in pages} == {frozenset({"pages", "publisher", "language"})}
        edges = await shop.edges()
        assert edges[REVIEWS["v2"]].timeouts == 13
        assert (edges[DETAILS].requests, edges[DETAILS].failures) == (13, 0)
        assert (edges[DETAILS].retries or 0) >= 6
    async with bookshop("1-all-v1", mapping=flaky) as shop:
        assert Counter("error" in page.details for page in await shop.pages(12)) == {True: 4, False: 8}


@mesh
async def test_a_full_connection_pool_fails_at_once() -> None:
    async with bookshop("9-circuit-breaker") as shop:
        assert not any("error" in page.details for page in await shop.pages(5, at_once=1))
        pages = await shop.pages(60, at_once=30)
        seen = Counter(page.details.get("error", "none") for page in pages)
        assert set(seen) == {"none", "answered 503"}
        edge = (await shop.edges())[DETAILS]
        assert dict(edge.response_flags or ())["UO"] == edge.failures == seen["answered 503"]


@mesh
async def test_a_replica_that_only_fails_is_ejected(tmp_path: Path) -> None:
    broken = mapping_with(tmp_path, (DETAILS_ENV, FLAKY_ENV.replace("3", "1")))
    async with bookshop("9-circuit-breaker", mapping=broken) as shop:
        flags: set[str] = set()
        async with asyncio.timeout(10):
            # Envoy takes up to a second until it acts on an ejection.
            while "UH" not in flags:
                assert (await shop.page()).details == {"error": "answered 503"}
                edge = (await shop.edges())[DETAILS]
                flags = {flag for flag, _ in edge.response_flags or ()}
        assert (edge.ejected, edge.failures) == (1, edge.requests)


@mesh
@pytest.mark.parametrize("command", ['"node"', f'"sh", "-c", "{node_binary()} $0; exit"'])
async def test_processor_time_stands_in_for_metrics(command: str, tmp_path: Path) -> None:
    # The shell itself does nothing: what it started counts.
    wrapped = mapping_with(
        tmp_path, (f'"node", "{BOOKSHOP}/app/productpage', f'{command}, "{BOOKSHOP}/app/productpage')
    )
    async with bookshop("1-all-v1", mapping=wrapped) as shop:
        await shop.sample()
        await asyncio.sleep(1)
        await shop.pages(150)
        busy = {w.workload: w.utilisation for w in (await shop.sample()).workloads}
        assert all(share is not None and 0 <= share <= 1 for share in busy.values())
        assert (busy["productpage-v1"] or 0) > max(0.05, busy["reviews-v3"] or 0)


@mesh
async def test_chaos_needs_no_endpoint() -> None:
    async with bookshop("4-canary-50-50") as shop:
        await shop.pages(20)
        await shop.mesh.inject(SlowDown("productpage-v1", 6))
        assert (await shop.page()).took_s >= 0.5
        await shop.mesh.inject(InjectErrors("details-v1", 100))
        page = await shop.page()
        assert (page.status, page.details) == (200, {"error": "answered 500"})
        assert page.took_s >= 0.5
        await shop.mesh.inject(ClearFaults())
        pages = await shop.pages(10)
        assert not any("error" in page.details for page in pages)
        assert min(page.took_s for page in pages) < 0.5


@mesh
async def test_a_killed_replica_comes_back() -> None:
    async with bookshop("1-all-v1") as shop:
        await shop.mesh.execute(Scale("details-v1", 2))
        await eventually(lambda: shop.serving("details-v1") == 2)
        load = asyncio.create_task(shop.pages(120, at_once=3))
        await shop.mesh.inject(KillReplica("details-v1"))
        failed = sum("error" in page.details for page in await load)
        assert failed <= 3
        await eventually(lambda: shop.serving("details-v1") == 2)
        assert any("details-v1-1 ended by signal 9" in sentence for sentence in shop.sentences())


@mesh
async def test_scaling_loses_no_request() -> None:
    async with bookshop("1-all-v1") as shop:
        load = asyncio.create_task(shop.pages(200, at_once=4))
        for replicas in (3, 1):
            for workload in ("productpage-v1", "reviews-v1"):
                outcome = await shop.mesh.execute(Scale(workload, replicas))
                assert isinstance(outcome, Applied)
        pages = await load
        assert {(page.status, page.version) for page in pages} == {(200, "v1")}
        workloads = {w.workload: w.replicas_ready for w in (await shop.sample()).workloads}
        assert workloads["productpage-v1"] == workloads["reviews-v1"] == 1


@mesh
async def test_a_fault_that_cannot_be_injected_changes_nothing() -> None:
    async with bookshop() as shop:
        with pytest.raises(
            ActionError, match="the destination includes reviews-v2 and reviews-v3; use subsets"
        ):
            await shop.mesh.inject(SlowDown("reviews-v1", 3))
        await shop.mesh.inject(InjectErrors("ratings-v1", 100))
        outcome = await shop.mesh.execute(Scale("reviews-v1", 2))
        assert isinstance(outcome, Applied)
        assert shop.serving("reviews-v1") == 2
        stars = [page.stars for page in await shop.pages(20)]
        assert {said["error"] for said in stars if said} == {"answered 500"}
    async with bookshop("1-all-v1") as shop:
        with pytest.raises(ActionError, match="reviews-v3 cannot be injected: no route leads to it"):
            await shop.mesh.inject(InjectErrors("reviews-v3", 50))
        await shop.mesh.inject(InjectErrors("reviews-v1", 100))
        assert (await shop.page()).reviews == {"error": "answered 500"}


def test_a_workload_behind_two_services_is_called_by_each(tmp_path: Path) -> None:
    text = (MANIFESTS / "bookshop.yaml").read_text()
    stars = text.split("---\n")[3].replace("name: ratings", "name: stars", 1)
    workloads = tmp_path / "bookshop.yaml"
    workloads.write_text(f"{text.replace('RATINGS_HOST: ratings', 'RATINGS_HOST: stars')}---\n{stars}")
    config = load_mesh([workloads, MANIFESTS / "gateway.yaml", MANIFESTS / "subsets.yaml"], mapping=MAPPING)
    entered = expressible_listeners(config)
    names = EdgeNames(topology(config), configuration(config), entered)
    answered = {names.answered(listener.name, "ratings-v1") for listener in entered if listener.service}
    assert {edge for edge in answered if edge} >= {
        EdgeId("reviews-v2", "ratings", "ratings-v1"),
        EdgeId("reviews-v3", "stars", "ratings-v1"),
    }
    assert {edge for edge in topology(config).edges if edge.workload == "ratings-v1"} <= answered
