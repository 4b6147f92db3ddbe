"""VirtualService `match` blocks."""

from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.headers import check_matched
from marskit.mesh.manifests.istio import HttpMatch, MatchKind, StringMatch
from marskit.mesh.manifests.names import Scope
from marskit.mesh.manifests.regex import problem

_KINDS = tuple(kind.value for kind in MatchKind)
_PRESENCE = {"regex": "*"}
"""Not an expression: Istio takes it for any value, like an empty mapping."""
_FIELDS = (
    "authority",
    "gateways",
    "headers",
    "ignoreUriCase",
    "method",
    "name",
    "port",
    "queryParams",
    "scheme",
    "sourceLabels",
    "sourceNamespace",
    "statPrefix",
    "uri",
    "withoutHeaders",
)


def http_match(field: Field, scope: Scope) -> HttpMatch:
    """An HTTPMatchRequest."""
    match = field.fields(_FIELDS)
    match.take("name", Field.text)
    match.take("statPrefix", Field.text)
    return HttpMatch(
        uri=match.take("uri", string_match),
        ignore_uri_case=match.take("ignoreUriCase", Field.flag, False),
        method=match.take("method", string_match),
        authority=match.take("authority", string_match),
        scheme=match.take("scheme", string_match),
        headers=match.take("headers", _header_matches, ()),
        without_headers=match.take("withoutHeaders", _header_matches, ()),
        query_params=match.take("queryParams", _string_matches, ()),
        port=match.take("port", Field.port),
        gateways=match.take("gateways", lambda f: f.each(scope.gateway), ()),
        source_labels=match.take("sourceLabels", Field.pairs, ()),
        source_namespace=match.take("sourceNamespace", Field.text),
    )


def string_match(field: Field) -> StringMatch:
    """A StringMatch: exactly one of exact, prefix and regex."""
    match = field.fields(_KINDS)
    kind = match.one_of(*_KINDS)
    if kind is None:
        raise FieldError(field.path, f"is empty, but must have one of {', '.join(_KINDS)}")
    if kind == MatchKind.REGEX:
        return StringMatch(MatchKind.REGEX, match.need(kind, regex))
    # Istio and Envoy refuse an empty prefix; an exact match of nothing is one.
    read = Field.text if kind == MatchKind.PREFIX else Field.any_text
    return StringMatch(MatchKind(kind), match.need(kind, read))


def regex(field: Field) -> str:
    """A regular expression that RE2 takes."""
    reason = problem(field.text())
    if reason:
        raise field.error(reason)
    return field.text()


def _header_matches(field: Field) -> tuple[tuple[str, StringMatch | None], ...]:
    field.named(check_matched)
    return _string_matches(field)


def _string_matches(field: Field) -> tuple[tuple[str, StringMatch | None], ...]:
    return field.named(lambda item: None if not item.value or item.value == _PRESENCE else string_match(item))
