"""Istio's routing: hosts, subsets, weights, timeouts and retries that fit together."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.manifests.documents import SERVICE_MESH, Document, base, of_kind, parse

SERVICES = of_kind("Service", base())
RULES = of_kind("DestinationRule", base())
VIRTUAL_SERVICES = of_kind("VirtualService", base())
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
# What Envoy and Istio know; a word that they do not know is silently dropped.
_RETRY_CONDITIONS = {
    "5xx",
    "cancelled",
    "connect-failure",
    "deadline-exceeded",
    "gateway-error",
    "internal",
    "refused-stream",
    "reset",
    "resource-exhausted",
    "retriable-4xx",
    "retriable-headers",
    "retriable-status-codes",
    "unavailable",
}


def _ms(duration: str) -> float:
    found = re.fullmatch(r"([0-9.]+)(ms|s|m|h)", duration)
    assert found is not None, duration
    return float(found[1]) * _UNITS_MS[found[2]]


def _routes() -> Iterator[tuple[Document, dict[str, Any]]]:
    for virtual_service in VIRTUAL_SERVICES:
        for route in virtual_service.body["spec"]["http"]:
            yield virtual_service, route


ROUTES = tuple(_routes())
each_route = pytest.mark.parametrize(
    ("virtual_service", "route"), ROUTES, ids=[f"{owner.name}-{route['name']}" for owner, route in ROUTES]
)


def _route(virtual_service: str, name: str) -> dict[str, Any]:
    (found,) = (route for owner, route in ROUTES if (owner.name, route["name"]) == (virtual_service, name))
    return found


def test_the_stable_version_of_the_api_is_used() -> None:
    kinds = {"Gateway", "VirtualService", "DestinationRule"}
    assert {document.body["apiVersion"] for document in base() if document.kind in kinds} == {
        "networking.istio.io/v1"
    }


@each_route
def test_destinations_exist(virtual_service: Document, route: dict[str, Any]) -> None:
    ports = {service.name: {port["port"] for port in service.body["spec"]["ports"]} for service in SERVICES}
    subsets = {
        (rule.body["spec"]["host"], subset["name"])
        for rule in RULES
        for subset in rule.body["spec"].get("subsets", [])
    }
    for target in route["route"]:
        destination = target["destination"]
        assert destination["port"]["number"] in ports[destination["host"]]
        if "subset" in destination:
            assert (destination["host"], destination["subset"]) in subsets


@each_route
def test_weights_sum_to_100(virtual_service: Document, route: dict[str, Any]) -> None:
    weights = [target.get("weight") for target in route["route"]]
    assert weights == [None] or sum(weights) == 100


def test_the_split_is_written_in_exactly_one_place() -> None:
    weighted = [(owner.name, route["name"]) for owner, route in ROUTES if "weight" in str(route["route"])]
    assert weighted == [("recommendations", "split")]
    split = {target["destination"]["subset"]: target["weight"] for target in _route(*weighted[0])["route"]}
    assert split == {"food": 50, "music": 50}


def test_no_two_virtual_services_claim_one_host_at_one_gateway() -> None:
    claims = [
        (host, gateway)
        for owner in VIRTUAL_SERVICES
        for host in owner.body["spec"]["hosts"]
        for gateway in owner.body["spec"]["gateways"]
    ]
    assert len(claims) == len(set(claims))


def test_gateways_exist() -> None:
    known = {"mesh"} | {gateway.name for gateway in of_kind("Gateway", base())}
    assert {gateway for owner in VIRTUAL_SERVICES for gateway in owner.body["spec"]["gateways"]} <= known


@each_route
def test_every_route_says_how_long_and_how_often(virtual_service: Document, route: dict[str, Any]) -> None:
    retries = route["retries"]
    assert set(retries["retryOn"].split(",")) <= _RETRY_CONDITIONS
    if "perTryTimeout" in retries:
        assert 2 * _ms(retries["perTryTimeout"]) <= _ms(route["timeout"]), "no time for a second try"


@pytest.mark.parametrize(("virtual_service", "name"), [("storefront", "orders"), ("payments", "payments")])
def test_what_was_answered_is_never_asked_again(virtual_service: str, name: str) -> None:
    """Orders and payments have ids that follow from the request, so a lost one may be sent again."""
    conditions = set(_route(virtual_service, name)["retries"]["retryOn"].split(","))
    assert conditions == {"connect-failure", "refused-stream", "reset"}


def test_the_gateway_waits_longer_than_the_calls_behind_it() -> None:
    outer = _ms(_route("storefront", "orders")["timeout"])
    (orders,) = (found for found in of_kind("Deployment", base()) if found.name == "orders")
    env = {
        item["name"]: item["value"]
        for item in orders.body["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    inner = [_ms(route["timeout"]) for owner, route in ROUTES if owner.name != "storefront"]
    assert max(inner) < float(env["DEPENDENCY_TIMEOUT_MS"]) < outer


def test_a_named_variant_wins_over_the_split() -> None:
    (owner,) = (found for found in VIRTUAL_SERVICES if found.name == "recommendations")
    rules = owner.body["spec"]["http"]
    assert [rule["name"] for rule in rules] == ["variant-food", "variant-music", "split"]
    for rule, variant in zip(rules[:2], ("food", "music"), strict=True):
        assert rule["match"] == [{"headers": {"x-variant": {"exact": variant}}}]
        assert [target["destination"]["subset"] for target in rule["route"]] == [variant]
    assert "match" not in rules[2]


def _matches(path: str) -> bool:
    for match in _route("storefront", "orders")["match"]:
        uri = match["uri"]
        if path == uri.get("exact") or ("prefix" in uri and path.startswith(uri["prefix"])):
            return True
    return False


@pytest.mark.parametrize(
    ("path", "arrives_as"),
    [
        ("/orders", "/"),
        ("/orders/", "/"),
        ("/orders/abc", "/abc"),
        ("/orders/abc/items", "/abc/items"),
        ("/ordersX", None),
        ("/", None),
        ("/payments", None),
        ("/recommendations", None),
    ],
)
def test_paths_at_the_gateway(path: str, arrives_as: str | None) -> None:
    assert _matches(path) is (arrives_as is not None)
    if arrives_as is not None:
        rewrite = _route("storefront", "orders")["rewrite"]["uriRegexRewrite"]
        assert re.sub(rewrite["match"], rewrite["rewrite"], path) == arrives_as


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_service_has_one_rule_that_leaves_out_failing_replicas(service: Document) -> None:
    (rule,) = (found for found in RULES if found.body["spec"]["host"] == service.name)
    policy = rule.body["spec"]["trafficPolicy"]
    assert policy["loadBalancer"] == {"simple": "LEAST_REQUEST"}
    assert policy["outlierDetection"]["consecutive5xxErrors"] > 0
    assert policy["outlierDetection"]["maxEjectionPercent"] <= 50


def test_a_subset_selects_exactly_one_deployment() -> None:
    pods = {
        deployment.name: deployment.body["spec"]["template"]["metadata"]["labels"]
        for deployment in of_kind("Deployment", base())
    }
    found = {}
    for rule in RULES:
        (service,) = (one for one in SERVICES if one.name == rule.body["spec"]["host"])
        for subset in rule.body["spec"].get("subsets", []):
            wanted = service.body["spec"]["selector"] | subset["labels"]
            found[subset["name"]] = [
                name for name, labels in pods.items() if wanted.items() <= labels.items()
            ]
    assert found == {"food": ["recommendations-food"], "music": ["recommendations-music"]}


def test_one_file_holds_one_virtual_service() -> None:
    # An action rewrites the file of the VirtualService that it changes, and nothing beside it.
    for file in SERVICE_MESH.glob("virtual-service-*.yaml"):
        (document,) = parse(file.read_text(), str(file))
        assert file.name == f"virtual-service-{document.name}.yaml"
