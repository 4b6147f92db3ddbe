"""Pod templates: finds the application container; the rest is ignored here."""

from collections.abc import Iterator
from dataclasses import dataclass

from marskit.mesh.manifests.fields import Field, Fields
from marskit.mesh.manifests.mapping import LocalMapping
from marskit.mesh.manifests.metadata import OUR_ANNOTATIONS, Metadata, read_metadata

_ANNOTATIONS = ("chaos-path", "command", "container", "directory", "env", "packages", "port-env")
_MAPPINGS = ("affinity", "dnsConfig", "nodeSelector", "os", "overhead", "resources", "securityContext")
_LISTS = (
    "hostAliases",
    "imagePullSecrets",
    "readinessGates",
    "resourceClaims",
    "schedulingGates",
    "tolerations",
    "topologySpreadConstraints",
)
_FIELDS = (
    *_MAPPINGS,
    *_LISTS,
    "activeDeadlineSeconds",
    "automountServiceAccountToken",
    "containers",
    "dnsPolicy",
    "enableServiceLinks",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "initContainers",
    "nodeName",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "volumes",
)


@dataclass(frozen=True, slots=True)
class Pod:
    """What matters of a pod template."""

    labels: tuple[tuple[str, str], ...]
    annotations: Fields
    container: Field
    """The one that runs the application."""
    termination_grace_s: float
    notices: tuple[str, ...]


def read_pod(template: Field, mapping: LocalMapping) -> Pod:
    """A pod template; the mapping distinguishes the application from its sidecars."""
    parts = template.fields(("metadata", "spec"))
    no_metadata = Metadata(None, None, (), Fields(template, {}))
    meta = parts.want("metadata", lambda f: read_metadata(f, _ANNOTATIONS), no_metadata)
    spec = parts.need("spec", lambda f: f.fields(_FIELDS))
    for key in _MAPPINGS:
        spec.take(key, Field.entries)
    for key in _LISTS:
        spec.take(key, Field.items)
    grace_s = float(spec.take("terminationGracePeriodSeconds", Field.integer, 30))
    container = spec.need("containers", lambda f: _application(f, meta.annotations, mapping))
    return Pod(
        labels=meta.labels,
        annotations=meta.annotations,
        container=container,
        termination_grace_s=grace_s,
        notices=tuple(_left_out(spec, container)),
    )


def _application(field: Field, annotations: Fields, mapping: LocalMapping) -> Field:
    containers = {_name(item): item for item in field.some("container")}
    wanted = annotations.children.get(f"{OUR_ANNOTATIONS}container")
    if wanted is None:
        mapped = (c for c in containers.values() if mapping.image(_text(c, "image")).command)
        return next(mapped, next(iter(containers.values())))
    if wanted.value not in containers:
        raise wanted.error(f"one of the containers {', '.join(containers)}")
    return containers[wanted.value]


def _left_out(spec: Fields, application: Field) -> Iterator[str]:
    for key, word in (("initContainers", "init container"), ("containers", "container")):
        for item in spec.take(key, Field.items, ()):
            if item != application:
                yield f"the {word} {_name(item)} is not run on this machine"
    for volume in spec.take("volumes", Field.items, ()):
        kinds = sorted(key for key, _ in volume.entries() if key != "name")
        if kinds != ["emptyDir"]:
            yield f"the volume {_name(volume)} ({', '.join(kinds)}) is not there on this machine"


def _name(field: Field) -> str:
    return _text(field, "name")


def _text(field: Field, key: str) -> str:
    return field.fields(tuple(key for key, _ in field.entries())).need(key, Field.text)
