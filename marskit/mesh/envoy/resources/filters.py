"""Filters on requests: header operations, injected faults, CORS."""

from dataclasses import replace

from marskit.mesh.envoy.resources.matching import string_match
from marskit.mesh.envoy.resources.model import Resource, WorkloadFault, duration, fractional_percent, typed
from marskit.mesh.manifests.istio import CorsPolicy, FaultInjection, HeaderOperations, Headers
from marskit.mesh.manifests.model import ManifestError

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
        fault = replace(fault, abort_status=WORKLOAD_ABORT_STATUS, abort_percent=injected.abort_percent)
    return fault


def fault_config(fault: FaultInjection) -> Resource:
    """The fault filter's settings for a route or for one of its destinations."""
    resource = typed("envoy.extensions.filters.http.fault.v3.HTTPFault")
    if fault.delay_ms is not None:
        percentage = fractional_percent(fault.delay_percent)
        resource["delay"] = {"fixed_delay": duration(fault.delay_ms), "percentage": percentage}
    if fault.abort_status is not None:
        percentage = fractional_percent(fault.abort_percent)
        resource["abort"] = {"http_status": fault.abort_status, "percentage": percentage}
    return resource


def cors_config(policy: CorsPolicy) -> Resource:
    """The CORS filter's settings for a route."""
    resource = typed("envoy.extensions.filters.http.cors.v3.CorsPolicy")
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
    return next((value for name, value in pairs if _is_authority(name)), None)


def header_operations(headers: Headers, where: str) -> Resource:
    """The header fields of a route or of one of its destinations, without the host name."""
    request = replace(
        headers.request,
        set=tuple(pair for pair in headers.request.set if not _is_authority(pair[0])),
        add=tuple(pair for pair in headers.request.add if not _is_authority(pair[0])),
    )
    sides = (("request", request), ("response", headers.response))
    return {
        field: value
        for side, operations in sides
        for field, value in (
            (f"{side}_headers_to_add", _added(operations, f"{where}.headers.{side}")),
            (f"{side}_headers_to_remove", _removed(operations, f"{where}.headers.{side}")),
        )
        if value
    }


def _added(operations: HeaderOperations, where: str) -> list[Resource]:
    return [
        {"header": {"key": _changeable(name, where), "value": value}, "append_action": action}
        for pairs, action in (
            (operations.set, "OVERWRITE_IF_EXISTS_OR_ADD"),
            (operations.add, "APPEND_IF_EXISTS_OR_ADD"),
        )
        for name, value in pairs
    ]


def _removed(operations: HeaderOperations, where: str) -> list[str]:
    return [_changeable(name, where) for name in operations.remove]


def _changeable(name: str, where: str) -> str:
    if name.startswith(":") or _is_authority(name):
        raise ManifestError(
            f"{where}: {name} cannot be changed; of that kind only a request's host or :authority can be set."
        )
    return name


def _is_authority(name: str) -> bool:
    return name.lower() in ("host", ":authority")
