"""`exportTo`: the namespaces whose callers an object of Istio counts for."""

from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.istio import EVERYWHERE
from marskit.mesh.manifests.names import Scope

_OWN = "."


def export_to(field: Field, scope: Scope) -> tuple[str, ...]:
    """The namespaces by name, or `*`; an empty list means the default, as in Istio."""
    found = field.each(lambda item: _namespace(item, scope))
    if len(set(found)) < len(found):
        raise FieldError(field.path, "names a namespace twice")
    if len(found) > 1 and "*" in found:
        raise FieldError(field.path, 'has "*" beside other entries, but must have either')
    return found or EVERYWHERE


def _namespace(field: Field, scope: Scope) -> str:
    if field.value == _OWN:
        return scope.namespace
    if field.value == "*":
        return field.text()
    try:
        return field.dns_name()
    except FieldError:
        raise field.error('"*", "." or the name of a namespace') from None
