"""Deployments: replicas, pod template and bounds."""

from collections.abc import Iterable
from dataclasses import dataclass

from marskit.mesh.manifests.fields import Field, FieldError, Fields
from marskit.mesh.manifests.mapping import MOST_REPLICAS, LocalMapping, ReplicaMapping
from marskit.mesh.manifests.metadata import OUR_ANNOTATIONS, object_metadata, object_spec
from marskit.mesh.manifests.parse_container import (
    container_fields,
    cpu_request_millis,
    environment,
    ports,
)
from marskit.mesh.manifests.parse_key_values import Stores
from marskit.mesh.manifests.parse_local import local_environment, local_process, metrics_path
from marskit.mesh.manifests.parse_pod import Pod, read_pod
from marskit.mesh.manifests.parse_probe import probe
from marskit.mesh.manifests.workloads import CANARY_OF, Deployment, KeyValues, Probe

_ANNOTATIONS = ("canary-of", "max-replicas", "min-replicas")
_DEFAULT_MAXIMUM = 10
_FIELDS = (
    "minReadySeconds",
    "paused",
    "progressDeadlineSeconds",
    "replicas",
    "revisionHistoryLimit",
    "selector",
    "strategy",
    "template",
)


_NUMBERS = ("minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit")


@dataclass(frozen=True, slots=True)
class ParsedDeployment:
    """A Deployment, and its parts without effect on this machine, one sentence each."""

    deployment: Deployment
    notices: tuple[str, ...]


def parse_deployment(
    root: Field, name: str, namespace: str, mapping: LocalMapping, stores: Iterable[KeyValues] = ()
) -> ParsedDeployment:
    """A Deployment; the mapping takes precedence over annotations, and `stores` provide variables."""
    annotations = object_metadata(root, _ANNOTATIONS).annotations
    spec = object_spec(root).fields(_FIELDS)
    spec.take("strategy", Field.entries)
    for key in _NUMBERS:
        spec.take(key, Field.integer)
    replicas = spec.take("replicas", lambda f: f.integer(0, MOST_REPLICAS), 1)
    pod = spec.need("template", lambda f: read_pod(f, mapping))
    spec.want("selector", lambda f: _check_selector(f, pod), None)
    entry = container_fields(pod.container)
    image = entry.want("image", Field.text, "")
    override = mapping.image(image)
    local_env = local_environment(pod.annotations, override)
    own = Stores(namespace, stores)
    overridden = frozenset(dict(local_env))
    notices = list(pod.notices)
    container_ports = entry.take("ports", ports, ())

    def probe_for(kind: str) -> Probe | None:
        return entry.take(f"{kind}Probe", lambda f: probe(f, kind, container_ports, notices))

    shared = entry.take("envFrom", own.everything, ())
    env = entry.take("env", lambda f: environment(f, namespace, overridden, own, notices), ())
    minimum, maximum = _bounds(root, annotations, mapping.replicas(name), replicas)
    deployment = Deployment(
        name=name,
        namespace=namespace,
        labels=pod.labels,
        replicas=replicas,
        image=image,
        container_port=container_ports[0][1] if container_ports else None,
        env=tuple((dict(shared) | dict(env)).items()),
        readiness=Probe(override.readiness_path, period_ms=1000)
        if override.readiness_path
        else probe_for("readiness"),
        metrics_path=override.metrics_path or metrics_path(pod.annotations),
        cpu_request_millis=entry.take("resources", cpu_request_millis),
        termination_grace_s=pod.termination_grace_s,
        min_replicas=minimum,
        max_replicas=maximum,
        local=local_process(pod.annotations, override, local_env),
        named_ports=tuple((port_name, port) for port_name, port in container_ports if port_name),
        startup=probe_for("startup"),
        liveness=probe_for("liveness"),
        canary_of=annotations.take(CANARY_OF, Field.dns_name),
    )
    return ParsedDeployment(deployment, tuple(notices))


def _check_selector(field: Field, pod: Pod) -> None:
    selector = field.fields(("matchLabels",), ("matchExpressions",))
    if any(error.path[:4] == ("spec", "template", "metadata", "labels") for error in field.told or ()):
        # The labels could not be read, so nothing can be said of them.
        return

    def check(label: Field) -> None:
        if dict(pod.labels).get(str(label.path[-1])) != label.any_text():
            raise label.error("the same as in the labels of the pod template")

    selector.need("matchLabels", lambda f: f.named(check))


def _bounds(root: Field, annotations: Fields, written: ReplicaMapping, replicas: int) -> tuple[int, int]:
    """The bounds of scaling: those given, else 1 to 10, widened to include the present replicas."""
    minimum, maximum = written.minimum, written.maximum
    if minimum is None:
        minimum = annotations.take(f"{OUR_ANNOTATIONS}min-replicas", _count)
    if maximum is None:
        maximum = annotations.take(f"{OUR_ANNOTATIONS}max-replicas", _count)
    low = min(1, replicas) if minimum is None else minimum
    high = max(_DEFAULT_MAXIMUM, replicas, low) if maximum is None else maximum
    if not low <= replicas <= high:
        problem = f"is {replicas}, but must be from {low} to {high}, its own bounds"
        root.tell(FieldError(("spec", "replicas"), problem))
    return low, high


def _count(field: Field) -> int:
    text = field.text()
    if not (text.isascii() and text.isdecimal()) or int(text[:10]) > MOST_REPLICAS:
        raise field.error(f"a whole number from 0 to {MOST_REPLICAS} in quotes")
    return int(text)
