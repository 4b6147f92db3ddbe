"""Istio's match conditions: those decided in advance, and those that Envoy checks."""

import re
from collections.abc import Iterable

from marskit.mesh.envoy.resources.model import Listener, Resource
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.manifests.istio import HttpMatch, MatchKind, StringMatch


def applies(match: HttpMatch, listener: Listener, gateway: str, registry: Registry) -> bool:
    """Whether a request that enters at the listener can meet the conditions on its source and port.

    `gateway` is the name under which the VirtualService is bound here: a Gateway's, or `mesh`. As in Istio,
    a match that lists gateways is not asked for source labels.
    """
    if match.port is not None and match.port != listener.port:
        return False
    if (
        not listener.is_gateway
        and match.authority is not None
        and not _may_be_called(match.authority, listener)
    ):
        return False
    if match.gateways:
        return gateway in match.gateways
    labels, namespace = registry.pod(listener.source)
    return set(match.source_labels) <= labels and match.source_namespace in (None, namespace)


def catches_all(match: HttpMatch | None) -> bool:
    """Whether every request meets the conditions, so that later routes are never reached."""
    if match is None:
        return True
    everything = match.uri in (None, StringMatch(MatchKind.PREFIX, "/"), StringMatch(MatchKind.REGEX, ".*"))
    conditions = (match.method, match.authority, match.scheme)
    lists = (match.headers, match.without_headers, match.query_params)
    return everything and not any(conditions) and not any(lists)


def route_match(match: HttpMatch | None, listener: Listener) -> Resource:
    """Envoy's RouteMatch."""
    if match is None:
        return {"prefix": "/"}
    pseudo = [(":method", match.method), (":scheme", match.scheme)]
    if listener.is_gateway:
        pseudo.append((":authority", match.authority))
    headers = [
        *(_named(name, value) for name, value in match.headers),
        *(_without(name, value) for name, value in match.without_headers),
        *(_named(name, value) for name, value in pseudo if value is not None),
    ]
    resource = _path(match.uri)
    if match.ignore_uri_case:
        resource["case_sensitive"] = False
    if headers:
        resource["headers"] = headers
    if match.query_params:
        resource["query_parameters"] = [_named(name, value) for name, value in match.query_params]
    return resource


def string_match(match: StringMatch) -> Resource:
    """Envoy's StringMatcher."""
    if match.kind is MatchKind.REGEX:
        return {"safe_regex": {"regex": match.value}}
    return {match.kind.value: match.value}


def _path(uri: StringMatch | None) -> Resource:
    if uri is None:
        return {"prefix": "/"}
    if uri.kind is MatchKind.EXACT:
        return {"path": uri.value}
    return string_match(uri)


def _named(name: str, match: StringMatch | None) -> Resource:
    """The matcher shared by headers and query parameters."""
    if match is None or match == StringMatch(MatchKind.REGEX, "*"):
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_match(match)}


def _without(name: str, match: StringMatch | None) -> Resource:
    """A negative matcher; an absent header counts as different, which must be stated for Envoy."""
    matcher = _named(name, match) | {"invert_match": True}
    return matcher if "present_match" in matcher else matcher | {"treat_missing_header_as_empty": True}


def _may_be_called(authority: StringMatch, listener: Listener) -> bool:
    """Whether the caller may have used such a name.

    On a cluster the caller's `Host` is one of the Service's names; here it is the listener's local address.
    So the condition is compared with the names that would reach the Service.
    """
    return any(_matches(authority, name) for name in _authorities(listener.service or "", listener.port))


def _authorities(host: str, port: int) -> Iterable[str]:
    parts = host.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        yield name
        yield f"{name}:{port}"


def _matches(match: StringMatch, text: str) -> bool:
    if match.kind is MatchKind.EXACT:
        return text == match.value
    if match.kind is MatchKind.PREFIX:
        return text.startswith(match.value)
    return re.fullmatch(match.value, text) is not None
