"""Filters on requests: header operations, injected faults, CORS."""

from dataclasses import replace

from marskit.mesh.envoy.resources.matching import string_match
from marskit.mesh.envoy.resources.model import Resource, WorkloadFault, duration, fractional_percent, typed
from marskit.mesh.manifests.istio import CorsPolicy, FaultInjection, HeaderOperations, Headers
from marskit.mesh.manifests.rules import AUTHORITY

FAULT = "envoy.filters.http.fault"
CORS = "envoy.filters.http.cors"
ROUTER = "envoy.filters.http.router"

WORKLOAD_ABORT_STATUS = 500
"""Status of an injected workload error; a route's own fault sets its own status."""


def http_filters() -> list[Resource]:
    """The filters of every listener; the routes configure them."""
    return [
        {"name": CORS, "typed_config": typed("envoy.extensions.filters.http.cors.v3.Cors")},
        {"name": FAULT, "typed_config": typed("envoy.extensions.filters.http.fault.v3.HTTPFault")},
        {"name": ROUTER, "typed_config": typed("envoy.extensions.filters.http.router.v3.Router")},
    ]


def combined(written: FaultInjection | None, injected: WorkloadFault | None) -> FaultInjection | None:
    """The manifests' fault, with injected parts taking precedence."""
    if injected is None:
        return written
    fault = written or FaultInjection()
    if injected.delay_ms is not None:
        fault = replace(fault, delay_ms=injected.delay_ms, delay_percent=100.0)
    if injected.abort_percent is not None:
        fault = replace(
            fault,
            abort_status=WORKLOAD_ABORT_STATUS,
            abort_grpc_status=None,
            abort_percent=injected.abort_percent,
        )
    return fault


def fault_config(fault: FaultInjection) -> Resource:
    """The fault filter's settings for a route or for one of its destinations."""
    resource = typed("envoy.extensions.filters.http.fault.v3.HTTPFault")
    if fault.delay_ms is not None:
        percentage = fractional_percent(fault.delay_percent)
        resource["delay"] = {"fixed_delay": duration(fault.delay_ms), "percentage": percentage}
    if fault.abort_status is not None or fault.abort_grpc_status is not None:
        percentage = fractional_percent(fault.abort_percent)
        status = (
            {"grpc_status": fault.abort_grpc_status}
            if fault.abort_status is None
            else {"http_status": fault.abort_status}
        )
        resource["abort"] = {**status, "percentage": percentage}
    return resource


def cors_config(policy: CorsPolicy) -> Resource:
    """The CORS filter's settings for a route."""
    resource = typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        forward_not_matching_preflights=policy.forward_unmatched,
    )
    if policy.allow_origins:
        resource["allow_origin_string_match"] = [string_match(origin) for origin in policy.allow_origins]
    for field, values in (
        ("allow_methods", policy.allow_methods),
        ("allow_headers", policy.allow_headers),
        ("expose_headers", policy.expose_headers),
    ):
        if values:
            resource[field] = ",".join(values)
    if policy.max_age_ms is not None:
        resource["max_age"] = str(policy.max_age_ms // 1000)
    if policy.allow_credentials is not None:
        resource["allow_credentials"] = policy.allow_credentials
    return resource


def authority_of(headers: Headers) -> str | None:
    """The host name that a header operation sets: Envoy changes it elsewhere than headers."""
    pairs = (*headers.request.set, *headers.request.add)
    return next((value for name, value in pairs if name.lower() in AUTHORITY), None)


def header_operations(*levels: Headers) -> Resource:
    """The header fields for the operations of a route, and of one of its destinations after them.

    As in Istio: what is removed goes first, then the levels set and add in turn. The host name is left out.
    """
    sides = (
        ("request", [level.request for level in levels]),
        ("response", [level.response for level in levels]),
    )
    return {
        field: value
        for side, operations in sides
        for field, value in (
            (f"{side}_headers_to_add", [header for each in operations for header in _added(each)]),
            (f"{side}_headers_to_remove", [name for each in operations for name in each.remove]),
        )
        if value
    }


def _added(operations: HeaderOperations) -> list[Resource]:
    return [
        {"header": {"key": name, "value": value}, "append_action": action}
        for pairs, action in (
            (operations.set, "OVERWRITE_IF_EXISTS_OR_ADD"),
            (operations.add, "APPEND_IF_EXISTS_OR_ADD"),
        )
        for name, value in pairs
        if name.lower() not in AUTHORITY
    ]
