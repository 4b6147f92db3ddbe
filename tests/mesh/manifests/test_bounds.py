"""Every number has the bounds of its field, in Kubernetes, Istio or Envoy, whichever are tighter."""

from pathlib import Path

import pytest

from tests.mesh.manifests.desk import RULE, told, told_of
from tests.mesh.manifests.shop import changed
from tests.mesh.manifests.test_all_complaints import told as told_of_files

INT32, UINT32 = 2**31 - 1, 2**32 - 1
ROUTE = "route: [{destination: {host: desk}}]"

POLICIES = {
    "connectionPool: {tcp: {maxConnections: %s}}": (0, INT32),
    "connectionPool: {tcp: {tcpKeepalive: {probes: %s}}}": (0, UINT32),
    "connectionPool: {http: {http1MaxPendingRequests: %s}}": (0, INT32),
    "connectionPool: {http: {http2MaxRequests: %s}}": (0, INT32),
    "connectionPool: {http: {maxRequestsPerConnection: %s}}": (0, INT32),
    "connectionPool: {http: {maxRetries: %s}}": (0, INT32),
    "connectionPool: {http: {maxConcurrentStreams: %s}}": (0, INT32),
    "outlierDetection: {consecutive5xxErrors: %s}": (0, UINT32),
    "outlierDetection: {consecutiveGatewayErrors: %s}": (0, UINT32),
    "outlierDetection: {splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: %s}": (
        0,
        UINT32,
    ),
    "outlierDetection: {maxEjectionPercent: %s}": (0, 100),
    "outlierDetection: {minHealthPercent: %s}": (0, 100),
    "loadBalancer: {consistentHash: {useSourceIp: true, ringHash: {minimumRingSize: %s}}}": (
        0,
        8 * 1024 * 1024,
    ),
    "portLevelSettings: [{port: {number: %s}, outlierDetection: {}}]": (1, 65535),
}
RULES = {
    f"{ROUTE}\n      retries: {{attempts: %s}}": (0, INT32),
    "route: [{destination: {host: desk}, weight: %s}]": (0, INT32),
    "route: [{destination: {host: desk, port: {number: %s}}}]": (1, 65535),
    "redirect: {uri: /a, port: %s}": (1, 65535),
    "directResponse: {status: %s}": (200, 599),
    f"{ROUTE}\n      fault: {{abort: {{httpStatus: %s, percentage: {{value: 1}}}}}}": (200, 599),
    f"{ROUTE}\n      mirror: {{host: stock}}\n      mirrorPercentage: {{value: %s}}": (0, 100),
    f"{ROUTE}\n      match: [{{port: %s}}]": (1, 65535),
}
DURATIONS = {
    f"{ROUTE}\n      timeout: %s": (0, None),
    f"{ROUTE}\n      retries: {{attempts: 1, perTryTimeout: %s}}": (1, None),
    f"{ROUTE}\n      fault: {{delay: {{fixedDelay: %s, percentage: {{value: 1}}}}}}": (1, None),
}
POOL = "trafficPolicy: {connectionPool: {tcp: {connectTimeout: %s}}}"
LONGEST_MS = (2**63 - 1) // 10**6


@pytest.mark.parametrize("policy", POLICIES)
def test_numbers_of_traffic_policies(policy: str, tmp_path: Path) -> None:
    low, high = POLICIES[policy]
    for value in (low, high, f"{low}.0"):
        assert told_of(tmp_path, RULE % f"trafficPolicy: {{{policy % value}}}") == []
    for wrong in (low - 1, high + 1, 9_999_999_999, 1.5, '"3"', "true", "1e40"):
        (sentence,) = told_of(tmp_path, RULE % f"trafficPolicy: {{{policy % wrong}}}")
        assert "a whole number" in sentence


@pytest.mark.parametrize("rule", RULES)
def test_numbers_of_rules(rule: str, tmp_path: Path) -> None:
    low, high = RULES[rule]
    refused: list[float | str] = [low - 1, high + 1, 5_000_000_000, '"3"', "true"]
    for value in refused:
        assert any("number" in each for each in told(tmp_path, rule % value)), value
    # A port that the Service does not have is refused for that.
    if "number: %s" not in rule:
        assert told(tmp_path, rule % low) == []
        assert told(tmp_path, rule % high) == []


@pytest.mark.parametrize("rule", DURATIONS)
def test_durations_end_at_that_of_go(rule: str, tmp_path: Path) -> None:
    low, _ = DURATIONS[rule]
    for value in (f"{low}ms", f"{LONGEST_MS}ms", "2562047h"):
        assert told(tmp_path, rule % value) == []
    for value in (f"{LONGEST_MS + 1}ms", "2562048h", "0.5ms", "-1s", "1", "1d"):
        (sentence,) = told(tmp_path, rule % value)
        assert "a duration in whole ms" in sentence


def test_a_connection_takes_an_hour_at_most(tmp_path: Path) -> None:
    assert told_of(tmp_path, RULE % (POOL % "1h")) == []
    (sentence,) = told_of(tmp_path, RULE % (POOL % "3600001ms"))
    assert sentence.endswith("of 1ms or more and 3600000ms or less")


def test_weights_add_up_to_what_envoy_takes(tmp_path: Path) -> None:
    weights = ", ".join(f"{{destination: {{host: desk}}, weight: {INT32}}}" for _ in range(3))
    (sentence,) = told(tmp_path, f"route: [{weights}]")
    assert sentence == "spec.http[0].route has weights that add up to more than 4294967295, Envoy's limit"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "metadata:\n  name: front\nspec:\n  replicas: 2\n",
            "metadata:\n  name: front\nspec:\n  replicas: %s\n",
        ),
        ("    matchLabels: {app: front}\n", "    matchLabels: {app: front}\n  minReadySeconds: %s\n"),
        ("    - port: 80\n", "    - port: %s\n"),
        ("    - port: 80\n", "    - port: 80\n      nodePort: %s\n"),
    ],
)
def test_numbers_of_kubernetes_are_of_32_bits(old: str, new: str, tmp_path: Path) -> None:
    for value in (INT32 + 1, 9_999_999_999, -1, '"3"'):
        (complaint,) = told_of_files(changed(tmp_path, old, new % value))
        assert "a whole number" in complaint[2]


def test_the_bodies_of_direct_responses_have_at_most_a_mebibyte(tmp_path: Path) -> None:
    assert told(tmp_path, f'directResponse: {{status: 200, body: {{string: "{"ä" * 2**19}"}}}}') == []
    (sentence,) = told(tmp_path, f'directResponse: {{status: 200, body: {{string: "{"ä" * 2**19}x"}}}}')
    assert sentence == (
        "spec.http[0].directResponse.body.string has 1048577 bytes, but must have at most 1048576"
    )
