import pytest

from marskit.domain.config import Retries
from marskit.mesh.envoy.resources.actions import redirect_action, retry_policy
from marskit.mesh.envoy.resources.filters import fault_config, header_operations
from marskit.mesh.manifests.istio import FaultInjection, HeaderOperations, Headers, Redirect
from marskit.mesh.manifests.model import ManifestError


def test_retries_not_written_are_istios() -> None:
    policy = retry_policy(None, avoid_previous=True)
    assert policy is not None
    assert policy["num_retries"] == 2
    assert policy["retry_on"] == "connect-failure,refused-stream,unavailable,cancelled"
    assert policy["host_selection_retry_max_attempts"] == 5
    assert policy["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"
    assert "per_try_timeout" not in policy


def test_no_attempts_means_no_policy() -> None:
    assert retry_policy(Retries(0), avoid_previous=True) is None


def test_codes_among_the_conditions_become_retriable_codes() -> None:
    policy = retry_policy(Retries(1, 700, "reset, 503,504"), avoid_previous=False)
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


def test_other_redirect_codes_are_refused_by_name() -> None:
    with pytest.raises(ManifestError, match=r"VirtualService a/b: http\[0\].redirect.redirectCode: 304 "):
        redirect_action(Redirect(code=304), "VirtualService a/b: http[0]")


@pytest.mark.parametrize(
    "headers",
    [
        Headers(HeaderOperations(set=((":path", "/"),))),
        Headers(HeaderOperations(remove=("Host",))),
        Headers(response=HeaderOperations(add=((":status", "200"),))),
    ],
)
def test_headers_that_cannot_be_changed_are_refused_by_name(headers: Headers) -> None:
    with pytest.raises(ManifestError, match=r"^here\.headers\.(request|response): \S+ cannot be changed"):
        header_operations(headers, "here")
