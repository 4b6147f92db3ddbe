"""DestinationRules: a service's subsets, and how requests are spread over their replicas."""

from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.hosts import wildcard_host
from marskit.mesh.manifests.istio import EVERYWHERE, DestinationRule, Subset
from marskit.mesh.manifests.metadata import object_spec
from marskit.mesh.manifests.names import Scope
from marskit.mesh.manifests.parse_export import export_to
from marskit.mesh.manifests.parse_traffic_policy import traffic_policy


def destination_rule(root: Field, name: str, scope: Scope) -> DestinationRule:
    """A DestinationRule."""
    spec = object_spec(root).fields(("exportTo", "host", "subsets", "trafficPolicy"), ("workloadSelector",))
    host = spec.want("host", wildcard_host, "")
    return DestinationRule(
        name=name,
        namespace=scope.namespace,
        host=scope.host(host),
        traffic_policy=spec.take("trafficPolicy", traffic_policy),
        subsets=spec.take("subsets", _subsets, ()),
        export_to=spec.take("exportTo", lambda f: export_to(f, scope), EVERYWHERE),
    )


def _subsets(field: Field) -> tuple[Subset, ...]:
    names: set[str] = set()
    return field.each(lambda item: _subset(item, names))


def _subset(field: Field, names: set[str]) -> Subset:
    entry = field.fields(("labels", "name", "trafficPolicy"))
    name = entry.want("name", Field.dns_name, "")
    if name and name in names:
        problem = f"is {name}, but an earlier subset has that name"
        field.tell(FieldError(entry.children["name"].path, problem))
    names.add(name)
    return Subset(name, entry.take("labels", Field.pairs, ()), entry.take("trafficPolicy", traffic_policy))
