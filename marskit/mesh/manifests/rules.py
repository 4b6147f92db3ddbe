"""The rules of a VirtualService that can apply to a source of requests, decided before any request comes."""

from collections.abc import Iterator
from dataclasses import dataclass

from marskit.mesh.manifests.istio import HttpMatch, HttpRoute, MatchKind, StringMatch, VirtualService
from marskit.mesh.manifests.regex import matches
from marskit.mesh.manifests.selection import Labels, has_labels

AUTHORITY = (":authority", "host")
"""Headers that hold the name which the caller used."""

_EVERYTHING = (None, StringMatch(MatchKind.PREFIX, "/"), StringMatch(MatchKind.REGEX, ".*"))


@dataclass(frozen=True, slots=True)
class Source:
    """Where requests meet the rules, as far as it is known in advance."""

    gateway: str
    """`namespace/name` of a Gateway, or `mesh`."""
    port: int
    labels: Labels = ()
    """Of the caller's pods; of a Gateway's, those that its selector names."""
    namespace: str | None = None
    """The caller's; None for a Gateway's pods."""
    names: tuple[str, ...] | None = None
    """What the caller uses as the authority; None if it may be anything."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One alternative match of an `http` entry with its action."""

    namespace: str
    """Of the VirtualService; empty for the way straight to a Service."""
    name: str
    """Of the VirtualService, or the Service's host."""
    index: int
    """Position of the entry in `http`."""
    position: int | None
    """Position of the match; None if the entry has none."""
    match: HttpMatch | None
    route: HttpRoute

    @property
    def where(self) -> str:
        """Object and field."""
        if not self.namespace:
            return f"Service {self.name}"
        return f"VirtualService {self.namespace}/{self.name}: http[{self.index}]"


def rules(service: VirtualService, source: Source) -> Iterator[Rule]:
    """Those that requests from the source may take, up to the first that takes every request."""
    for index, route in enumerate(service.http):
        for position, match in enumerate(route.matches) if route.matches else ((None, None),):
            if match is None or can_hold(match, source):
                yield Rule(service.namespace, service.name, index, position, match, route)
                if catches_all(match):
                    return


def can_hold(match: HttpMatch, source: Source) -> bool:
    """Whether a request from the source may meet the conditions."""
    if match.port not in (None, source.port):
        return False
    if source.names is not None and not any(_named(match, name) for name in source.names):
        return False
    if match.gateways:
        # As in Istio: a match that lists gateways ignores its source conditions.
        return source.gateway in match.gateways
    return has_labels(source.labels, match.source_labels) and match.source_namespace in (
        None,
        source.namespace,
    )


def catches_all(match: HttpMatch | None) -> bool:
    """Whether every request meets the conditions, so that later rules are never reached."""
    if match is None:
        return True
    conditions = (match.method, match.authority, match.scheme)
    lists = (match.headers, match.without_headers, match.query_params)
    return match.uri in _EVERYTHING and not any(conditions) and not any(lists)


def _named(match: HttpMatch, name: str) -> bool:
    """Whether the conditions on the authority hold for a name that the caller uses."""
    wanted = [match.authority] if match.authority else []
    wanted += [value for header, value in match.headers if value and header.lower() in AUTHORITY]
    unwanted = [value for header, value in match.without_headers if header.lower() in AUTHORITY]
    return all(_holds(value, name) for value in wanted) and not any(_holds(v, name) for v in unwanted)


def _holds(match: StringMatch | None, text: str) -> bool:
    if match is None:
        return True
    match match.kind:
        case MatchKind.EXACT:
            return text == match.value
        case MatchKind.PREFIX:
            return text.startswith(match.value)
        case MatchKind.REGEX:
            return matches(match.value, text)
