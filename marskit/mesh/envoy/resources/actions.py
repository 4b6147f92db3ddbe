"""Istio's route actions as parts of Envoy's route: pure field-by-field translation."""

from marskit.domain.config import DEFAULT_RETRIES, DEFAULT_RETRY_ON, HOST_SELECTION_ATTEMPTS, Retries
from marskit.mesh.envoy.resources.model import Resource, duration, typed
from marskit.mesh.manifests.istio import (
    DirectResponse,
    Redirect,
    RetryChoice,
    Rewrite,
)
from marskit.mesh.manifests.traffic_policy import (
    ConsistentHash,
)

REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}

USUAL_PORTS = {"http": 80, "https": 443}
"""Default ports, which a redirect's location omits."""


def retry_policy(retries: Retries | None, choice: RetryChoice, *, hashed: bool) -> Resource | None:
    """Envoy's retry policy; None for no retry.

    A retry prefers another replica than those that failed; one that a hash chooses has no other by default.
    """
    policy = retries or DEFAULT_RETRIES
    if policy.attempts == 0:
        return None
    words = [word.strip() for word in (policy.retry_on or DEFAULT_RETRY_ON).split(",") if word.strip()]
    codes = [int(word) for word in words if word.isdigit()]
    conditions = [word for word in words if not word.isdigit()]
    if codes and "retriable-status-codes" not in conditions:
        conditions.append("retriable-status-codes")
    resource: Resource = {
        "retry_on": ",".join(conditions),
        "num_retries": policy.attempts,
        "host_selection_retry_max_attempts": HOST_SELECTION_ATTEMPTS,
    }
    if codes:
        resource["retriable_status_codes"] = codes
    if policy.per_try_timeout_ms:
        resource["per_try_timeout"] = duration(policy.per_try_timeout_ms)
    if choice.backoff_ms:
        resource["retry_back_off"] = {"base_interval": duration(choice.backoff_ms)}
    if choice.ignore_previous_hosts or (choice.ignore_previous_hosts is None and not hashed):
        predicate = typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")
        name = "envoy.retry_host_predicates.previous_hosts"
        resource["retry_host_predicate"] = [{"name": name, "typed_config": predicate}]
    return resource


def path_rewrite(rewrite: Rewrite) -> Resource:
    """The path rewrite; Envoy's prefix rewrite replaces the matched part, prefix or whole path."""
    if rewrite.uri_regex is not None:
        pattern, substitution = rewrite.uri_regex
        return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": substitution}}
    return {"prefix_rewrite": rewrite.uri} if rewrite.uri else {}


def redirect_action(redirect: Redirect, request_port: int) -> Resource:
    """Envoy's RedirectAction, for requests to a local port."""
    resource: Resource = {"response_code": REDIRECT_CODES[redirect.code]}
    if redirect.uri:
        resource["path_redirect"] = redirect.uri
    if redirect.authority:
        resource["host_redirect"] = redirect.authority
    if redirect.scheme:
        resource["scheme_redirect"] = redirect.scheme
    port = request_port if redirect.keep_port else redirect.port
    if port and port != USUAL_PORTS.get(redirect.scheme or "http"):
        resource["port_redirect"] = port
    return resource


def direct_response_action(response: DirectResponse) -> Resource:
    """Envoy's DirectResponseAction."""
    body = {"body": {"inline_string": response.body}} if response.body else {}
    return {"status": response.status, **body}


def hash_policy(hashing: ConsistentHash) -> Resource:
    """The part of a request that is hashed to choose the replica."""
    if hashing.header is not None:
        return {"header": {"header_name": hashing.header}}
    if hashing.cookie is not None:
        cookie: Resource = {"name": hashing.cookie}
        if hashing.cookie_ttl_ms is not None:
            cookie["ttl"] = duration(hashing.cookie_ttl_ms)
        if hashing.cookie_path is not None:
            cookie["path"] = hashing.cookie_path
        return {"cookie": cookie}
    if hashing.query_parameter is not None:
        return {"query_parameter": {"name": hashing.query_parameter}}
    return {"connection_properties": {"source_ip": hashing.use_source_ip}}
