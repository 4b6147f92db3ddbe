"""Fields of an HTTP route that Istio refuses beside each other."""

from collections.abc import Iterator

from marskit.mesh.manifests.fields import Field, FieldError, Fields
from marskit.mesh.manifests.rules import AUTHORITY

_ANSWERS = ("redirect", "directResponse")
_NEEDS_DESTINATION = ("fault", "rewrite")


def check_conflicts(rule: Fields) -> None:
    """Tell what an HTTP route must not have together; `route` beside an answer is told where it is read."""
    for answer in (each for each in _ANSWERS if each in rule):
        for name in (each for each in _NEEDS_DESTINATION if each in rule):
            problem = f"is not allowed beside {answer}: Istio refuses the two together"
            rule.parent.tell(FieldError(rule.children[name].path, problem))
    authorities = list(_authorities(rule))
    for field in authorities[1:]:
        problem = f"sets the authority, which {_last(authorities[0])} sets already; Istio allows it once"
        rule.parent.tell(FieldError(field.path, problem))


def _authorities(rule: Fields) -> Iterator[Field]:
    """Where the route sets the authority; what is no mapping is told elsewhere."""
    rewritten = _inside(rule.children.get("rewrite"), "authority")
    if rewritten is not None:
        yield rewritten
    request = _inside(rule.children.get("headers"), "request")
    for operation in ("set", "add"):
        headers = _inside(request, operation)
        if headers is not None and isinstance(headers.value, dict):
            yield from (field for name, field in headers.entries() if name.lower() in AUTHORITY)


def _inside(field: Field | None, key: str) -> Field | None:
    if field is None or not isinstance(field.value, dict):
        return None
    value = field.value.get(key)
    return None if value is None else field.child(key, value)


def _last(field: Field) -> str:
    return ".".join(str(part) for part in field.path[-2:])
