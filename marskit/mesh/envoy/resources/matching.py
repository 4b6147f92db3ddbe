"""Istio's match conditions as Envoy checks them."""

from marskit.mesh.envoy.resources.model import Listener, Resource
from marskit.mesh.manifests.istio import HttpMatch, MatchKind, StringMatch
from marskit.mesh.manifests.rules import AUTHORITY


def route_match(match: HttpMatch | None, listener: Listener) -> Resource:
    """Envoy's RouteMatch.

    Inside the mesh, conditions on the authority are left out: on a cluster a caller sends the Service's name,
    here it sends the listener's address, so they were decided by the names in its variables.
    """
    if match is None:
        return {"prefix": "/"}
    pseudo = ((":method", match.method), (":scheme", match.scheme), (":authority", match.authority))
    wanted = (*match.headers, *((name, value) for name, value in pseudo if value is not None))
    headers = [
        *(_named(name, value) for name, value in wanted if _is_checked(name, listener)),
        *(_without(name, value) for name, value in match.without_headers if _is_checked(name, listener)),
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


def _is_checked(header: str, listener: Listener) -> bool:
    return listener.is_gateway or header.lower() not in AUTHORITY


def _named(name: str, match: StringMatch | None) -> Resource:
    """The matcher shared by headers and query parameters."""
    if match is None:
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_match(match)}


def _without(name: str, match: StringMatch | None) -> Resource:
    """A negative matcher; an absent header counts as different, which must be stated for Envoy."""
    matcher = _named(name, match) | {"invert_match": True}
    return matcher if "present_match" in matcher else matcher | {"treat_missing_header_as_empty": True}
