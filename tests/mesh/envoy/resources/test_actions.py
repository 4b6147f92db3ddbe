import pytest

from marskit.domain.config import Retries
from marskit.mesh.envoy.resources.actions import hash_policy, redirect_action, retry_policy
from marskit.mesh.envoy.resources.filters import fault_config, header_operations
from marskit.mesh.manifests.istio import FaultInjection, HeaderOperations, Headers, Redirect, RetryChoice
from marskit.mesh.manifests.traffic_policy import ConsistentHash


def test_retries_not_written_are_istios() -> None:
    policy = retry_policy(None, RetryChoice(), hashed=False)
    assert policy is not None
    assert policy["num_retries"] == 2
    assert policy["retry_on"] == "connect-failure,refused-stream,unavailable,cancelled"
    assert policy["host_selection_retry_max_attempts"] == 5
    assert policy["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"
    assert "per_try_timeout" not in policy


def test_no_attempts_means_no_policy() -> None:
    assert retry_policy(Retries(0), RetryChoice(), hashed=False) is None


def test_codes_among_the_conditions_become_retriable_codes() -> None:
    policy = retry_policy(Retries(1, 700, "reset, 503,504"), RetryChoice(), hashed=True)
    assert policy == {
        "retry_on": "reset,retriable-status-codes",
        "retriable_status_codes": [503, 504],
        "num_retries": 1,
        "host_selection_retry_max_attempts": 5,
        "per_try_timeout": "0.700s",
    }


def test_a_tenth_of_a_percent_is_exact() -> None:
    abort = fault_config(FaultInjection(abort_status=503, abort_percent=0.1))["abort"]
    assert abort == {"http_status": 503, "percentage": {"numerator": 1000, "denominator": "MILLION"}}


@pytest.mark.parametrize(
    ("choice", "hashed", "avoids"),
    [(None, False, True), (None, True, False), (True, True, True), (False, False, False)],
)
def test_a_retry_avoids_former_replicas_by_default_unless_a_hash_chooses_them(
    *,
    choice: bool | None,
    hashed: bool,
    avoids: bool,
) -> None:
    policy = retry_policy(Retries(1), RetryChoice(backoff_ms=40, ignore_previous_hosts=choice), hashed=hashed)
    assert policy is not None
    assert ("retry_host_predicate" in policy) is avoids
    assert policy["retry_back_off"] == {"base_interval": "0.040s"}


@pytest.mark.parametrize(
    ("redirect", "port"),
    [
        (Redirect(keep_port=True), 18080),
        (Redirect(port=8443, scheme="https"), 8443),
        (Redirect(port=443, scheme="https"), None),
        (Redirect(), None),
    ],
)
def test_the_port_of_a_redirect(redirect: Redirect, port: int | None) -> None:
    assert redirect_action(redirect, 18080).get("port_redirect") == port


def test_operations_of_a_destination_come_after_those_of_its_route() -> None:
    route = Headers(HeaderOperations((("a", "1"),), (("b", "1"),), ("c",)))
    destination = Headers(HeaderOperations((("a", "2"),), (("host", "x"),), ("d",)))
    found = header_operations(route, destination)
    assert [(each["header"]["key"], each["header"]["value"]) for each in found["request_headers_to_add"]] == [
        ("a", "1"),
        ("b", "1"),
        ("a", "2"),
    ]
    assert found["request_headers_to_remove"] == ["c", "d"]


def test_an_address_is_hashed_only_if_wanted() -> None:
    wanted = [hash_policy(ConsistentHash(use_source_ip=each)) for each in (True, False)]
    assert wanted == [{"connection_properties": {"source_ip": each}} for each in (True, False)]
