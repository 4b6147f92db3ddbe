"""The application container: its ports, variables and CPU request."""

import re
from decimal import Decimal

from marskit.mesh.manifests.fields import Field, FieldError, Fields
from marskit.mesh.manifests.parse_key_values import CONFIG_MAP, SECRET, Stores
from marskit.mesh.manifests.parse_probe import Ports
from marskit.mesh.manifests.values import cpu_millis, parse_quantity
from marskit.system.free_ports import LOOPBACK

_MAPPINGS = ("lifecycle", "securityContext")
_FIELDS = (
    *_MAPPINGS,
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
)
_REFERENCE = re.compile(r"\$(\$?)\(([^)]+)\)")


def container_fields(field: Field) -> Fields:
    """The container's fields; those without effect on this machine are only type-checked."""
    entry = field.fields(_FIELDS)
    for key in _MAPPINGS:
        entry.take(key, Field.entries)
    return entry


def ports(field: Field) -> Ports:
    """`(name, containerPort)` of each port."""
    return field.each(_port)


def _port(field: Field) -> tuple[str | None, int]:
    entry = field.fields(("containerPort", "hostIP", "hostPort", "name", "protocol"))
    return entry.take("name", Field.text), entry.need("containerPort", Field.port)


def environment(
    field: Field, namespace: str, overridden: frozenset[str], stores: Stores, notices: list[str]
) -> tuple[tuple[str, str], ...]:
    """The variables with their values; `$(NAME)` refers to an earlier one, as in Kubernetes."""
    env: dict[str, str] = {}

    def read(item: Field) -> None:
        entry = item.fields(("name", "value", "valueFrom"))
        entry.one_of("value", "valueFrom")
        name = entry.want("name", _variable, "")
        source = entry.children.get("valueFrom")
        if source is None:
            env[name] = _expand(entry.take("value", Field.any_text, ""), env)
        elif name not in overridden:
            value = _from_elsewhere(source, name, namespace, stores, notices)
            if value is not None:
                env[name] = value

    field.each(read)
    return tuple(env.items())


def _from_elsewhere(
    source: Field, name: str, namespace: str, stores: Stores, notices: list[str]
) -> str | None:
    """The value of a `valueFrom`, or None if there is none here."""
    own_value = f"give {name} a value in the annotation marskit.dev/env or in the mapping file"
    kinds = source.fields(("configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef"))
    kind = kinds.one_of(*kinds.children)
    if kind == "configMapKeyRef":
        return stores.value(kinds.children[kind], CONFIG_MAP, own_value)
    if kind == "secretKeyRef":
        return stores.value(kinds.children[kind], SECRET, own_value)
    match kinds.take("fieldRef", _field_path):
        case "metadata.namespace":
            return namespace
        case "metadata.name":
            notices.append(f"the variable {name} (the pod's name) is not set on this machine")
            return None
        case "status.hostIP" | "status.podIP":
            return LOOPBACK
        case _:
            raise FieldError(source.path, f"is not supported by marskit's local mesh; {own_value}")


def _field_path(field: Field) -> str:
    return field.fields(("apiVersion", "fieldPath")).need("fieldPath", Field.text)


def _variable(field: Field) -> str:
    if "=" in field.text():
        raise field.error("a name without =")
    return field.text()


def _expand(value: str, env: dict[str, str]) -> str:
    def replacement(match: re.Match[str]) -> str:
        return match[0][1:] if match[1] else env.get(match[2], match[0])

    return _REFERENCE.sub(replacement, value)


def cpu_request_millis(field: Field) -> int | None:
    """The CPU request, or the limit if only that is set."""
    resources = field.fields(("claims", "limits", "requests"))
    limits = dict(resources.take("limits", lambda f: f.named(_quantity), ()))
    requests = dict(resources.take("requests", lambda f: f.named(_quantity), ()))
    for name, request in requests.items():
        if name in limits and request > limits[name]:
            item = resources.children["requests"].child(name, resources.children["requests"].value[name])
            found = resources.children["limits"].value[name]
            field.tell(item.error(f"at most the limit, {found}"))
    cpu = requests.get("cpu", limits.get("cpu"))
    return None if cpu is None else cpu_millis(cpu)


def _quantity(field: Field) -> Decimal:
    is_number = isinstance(field.value, str | int | float) and not isinstance(field.value, bool)
    quantity = parse_quantity(str(field.value)) if is_number else None
    if quantity is None or quantity < 0:
        raise field.error("a quantity of 0 or more, such as 50m, 0.5 or 64Mi")
    return quantity
