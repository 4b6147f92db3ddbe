"""Services: their pods, ports and SLO."""

from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.mapping import LocalMapping
from marskit.mesh.manifests.metadata import OUR_ANNOTATIONS, object_metadata, object_spec
from marskit.mesh.manifests.workloads import KubernetesService

_ANNOTATIONS = ("slo-availability-percent", "slo-latency-p95-ms")
_HTTP = ("http", "kubernetes.io/ws")
_NAMED_PROTOCOLS = (
    "grpc",
    "grpc-web",
    "http2",
    "https",
    "mongo",
    "mysql",
    "redis",
    "tcp",
    "tls",
    "udp",
)
"""Istio's: `tcp-queue` means TCP. A name without one of them means HTTP."""
_FIELDS = (
    "allocateLoadBalancerNodePorts",
    "clusterIP",
    "clusterIPs",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "ports",
    "publishNotReadyAddresses",
    "selector",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
    "type",
)


def kubernetes_service(root: Field, name: str, namespace: str, mapping: LocalMapping) -> KubernetesService:
    """A Service with a selector."""
    spec = object_spec(root).fields(_FIELDS, ("externalName",))
    # A Service that stands for a name outside is refused by its type, and has no selector to miss.
    stands_for_a_name = "type" in spec and spec.children["type"].value == "ExternalName"
    spec.take("type", lambda f: f.choice("ClusterIP", "LoadBalancer", "NodePort"))
    selector = spec.take("selector", Field.pairs, ())
    if not selector and not stands_for_a_name:
        problem = "is missing, but marskit needs it to find the pods"
        root.tell(FieldError((*root.path, "spec", "selector"), problem))
    ports = spec.want("ports", lambda f: f.each(_port, "port"), ())
    protocols = ((port, protocol) for port, _, protocol in ports if protocol)
    annotations = object_metadata(root, _ANNOTATIONS).annotations
    slo = mapping.slo(name)
    return KubernetesService(
        name=name,
        namespace=namespace,
        selector=selector,
        ports=tuple((port, target) for port, target, _ in ports),
        slo_latency_p95_ms=slo.latency_p95_ms
        or annotations.take(f"{OUR_ANNOTATIONS}slo-latency-p95-ms", _latency_ms),
        slo_availability_percent=slo.availability_percent
        or annotations.take(f"{OUR_ANNOTATIONS}slo-availability-percent", _percent),
        other_protocols=tuple(protocols),
    )


def _port(field: Field) -> tuple[int, int | str, str | None]:
    entry = field.fields(("appProtocol", "name", "nodePort", "port", "protocol", "targetPort"))
    entry.take("protocol", lambda f: f.choice("TCP"))
    entry.take("nodePort", lambda f: f.integer(0, 65535))
    protocol = _other_protocol(entry.take("appProtocol", Field.text), entry.take("name", Field.text, ""))
    port = entry.want("port", Field.port, 0)
    return port, entry.take("targetPort", _target_port, port), protocol


def _other_protocol(app_protocol: str | None, name: str) -> str | None:
    """The protocol of a port other than HTTP/1.1; as in Istio, from `appProtocol`, else from its name."""
    if app_protocol is not None:
        return None if app_protocol.lower() in _HTTP else app_protocol
    words = name.lower().split("-")
    return next((p for p in ("-".join(words[:2]), words[0]) if p in _NAMED_PROTOCOLS), None)


def _target_port(field: Field) -> int | str:
    return field.text() if isinstance(field.value, str) else field.port()


def _latency_ms(field: Field) -> float:
    return _annotated_number(field, 1, 3_600_000)


def _percent(field: Field) -> float:
    return _annotated_number(field, 0, 100)


def _annotated_number(field: Field, minimum: float, maximum: float) -> float:
    try:
        return Field(float(field.text()), field.path).number(minimum, maximum)
    except ValueError:
        raise field.error(f"a number from {minimum:.9g} to {maximum:.9g}, in quotes") from None
