"""The documents that each action changes, and the action that undoes it."""

import shlex
from collections.abc import Set
from dataclasses import dataclass, fields
from typing import Any, TypeVar, assert_never

from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.config import OutlierDetection, Retries, RouteSetting
from marskit.mesh.manifests.fields import Path, suggestion
from marskit.mesh.manifests.graph import route_setting
from marskit.mesh.manifests.istio import DestinationRule, VirtualService
from marskit.mesh.manifests.model import Document, MeshConfig
from marskit.mesh.manifests.parse_route import OF_ATTEMPTS
from marskit.mesh.manifests.patches import Cli, Operation, change, patch_command, value_at
from marskit.mesh.manifests.selection import document_of
from marskit.mesh.manifests.values import format_duration
from marskit.mesh.manifests.workloads import Deployment
from marskit.mesh.port import ActionError

_POLICY = ("spec", "trafficPolicy")

Named = TypeVar("Named", Deployment, VirtualService, DestinationRule)


@dataclass(frozen=True, slots=True)
class Change:
    """One action, worked out against the documents."""

    document: Document
    operations: tuple[Operation, ...]
    """Empty if the action changes nothing."""
    inverse: Action
    scale: tuple[int, int] | None = None
    """Replicas before and after, for the one action that is not a patch."""

    def command(self, cli: Cli) -> str:
        """The exact command a person would type."""
        if self.scale is None:
            return patch_command(self.document, self.operations, cli)
        before, after = self.scale
        document = self.document
        return shlex.join(
            [
                cli,
                "scale",
                f"deployment/{document.name}",
                "-n",
                document.namespace,
                f"--replicas={after}",
                f"--current-replicas={before}",
            ]
        )


def change_for(config: MeshConfig, action: Action) -> Change:
    """The change that the action makes.

    Raises:
        ActionError: The action names something the mesh does not have, or a value it does not allow.
    """
    match action:
        case Scale():
            return _scale(config, action)
        case ShiftTraffic():
            return _shift(config, action)
        case SetTimeout():
            return _timeout(config, action)
        case SetRetries():
            return _retries(config, action)
        case SetOutlierDetection():
            return _outlier(config, action)
        case _:
            assert_never(action)


def _scale(config: MeshConfig, action: Scale) -> Change:
    deployment, document = _find(config, "Deployment", action.workload, config.deployments)
    if action.replicas < 0:
        raise ActionError(f"replicas of {deployment.name} must be 0 or more, not {action.replicas}")
    before = deployment.replicas
    same = before == action.replicas
    return Change(
        document,
        () if same else change(document.body, ("spec", "replicas"), action.replicas),
        Scale(action.workload, before),
        (before, action.replicas),
    )


def _shift(config: MeshConfig, action: ShiftTraffic) -> Change:
    setting, document, path = _route(config, action.virtual_service, action.route)
    names = [destination.subset or destination.service for destination in setting.destinations]
    wanted = dict(action.weights_percent)
    if sorted(names) != sorted(name for name, _ in action.weights_percent) or len(wanted) != len(names):
        raise ActionError(
            f"{setting.label} has the destinations {', '.join(names) or '(none)'},"
            f" but the weights are for {', '.join(name for name, _ in action.weights_percent) or '(none)'}"
        )
    if min(wanted.values()) < 0 or sum(wanted.values()) != 100:
        shares = ", ".join(f"{name} {weight}" for name, weight in action.weights_percent)
        raise ActionError(f"weights of {setting.label} must be 0 or more and add up to 100, not {shares}")
    before = tuple(d.weight_percent for d in setting.destinations)
    after = tuple(wanted[name] for name in names)
    inverse = ShiftTraffic(setting.virtual_service, setting.index, tuple(zip(names, before, strict=True)))
    if before == after:
        return Change(document, (), inverse)
    guards: list[Operation] = []
    writes: list[Operation] = []
    for index, weight in enumerate(after):
        entry = (*path, "route", index)
        key = "subset" if setting.destinations[index].subset else "host"
        identity = (*entry, "destination", key)
        guards.append(Operation("test", identity, value_at(document.body, identity)))
        written = value_at(document.body, (*entry, "weight"))
        if written != weight:
            writes.append(Operation("add" if written is None else "replace", (*entry, "weight"), weight))
    return Change(document, (*guards, *writes), inverse)


def _timeout(config: MeshConfig, action: SetTimeout) -> Change:
    setting, document, path = _route(config, action.virtual_service, action.route)
    wanted = action.timeout_ms
    if wanted is not None and wanted < 1:
        raise ActionError(f"timeout of {setting.label} must be 1 ms or more, not {wanted}")
    inverse = SetTimeout(action.virtual_service, action.route, setting.timeout_ms)
    if wanted == setting.timeout_ms:
        return Change(document, (), inverse)
    value = None if wanted is None else format_duration(wanted)
    return Change(document, change(document.body, (*path, "timeout"), value), inverse)


def _retries(config: MeshConfig, action: SetRetries) -> Change:
    setting, document, path = _route(config, action.virtual_service, action.route)
    wanted, present = action.retries, setting.retries
    if wanted is not None and not wanted.attempts:
        # Istio refuses further settings beside no attempts.
        wanted = Retries(0)
    inverse = SetRetries(action.virtual_service, action.route, present)
    if wanted == present:
        return Change(document, (), inverse)
    at = (*path, "retries")
    written = value_at(document.body, at) or {}
    kept = () if wanted is None else written.keys() - ({*OF_ATTEMPTS} if not wanted.attempts else set())
    _check_restorable(f"retries of {setting.label}", written.keys() - _RETRIES.values() - {*kept})
    # Without attempts nothing else could stand there, so all of it is written.
    former = present if present is not None and present.attempts else None
    value = None if wanted is None else _merged(written, former, wanted, _RETRIES)
    if value is not None and not value.get("attempts"):
        value = {key: part for key, part in value.items() if key not in OF_ATTEMPTS}
    return Change(document, change(document.body, at, value), inverse)


def _outlier(config: MeshConfig, action: SetOutlierDetection) -> Change:
    rule, document = _find(config, "DestinationRule", action.destination_rule, config.destination_rules)
    policy = rule.traffic_policy
    wanted, present = action.outlier_detection, policy.outlier_detection if policy else None
    inverse = SetOutlierDetection(action.destination_rule, present)
    if wanted == present:
        return Change(document, (), inverse)
    written = value_at(document.body, _POLICY) or {}
    if policy and policy.ports:
        raise ActionError(
            f"outlier detection of {rule.name} is for ports too, in portLevelSettings, which go before it;"
            " edit the manifest instead"
        )
    if wanted is not None:
        value = _merged(written.get("outlierDetection"), present, wanted, _OUTLIER)
        if not written:
            return Change(document, change(document.body, _POLICY, {"outlierDetection": value}), inverse)
        return Change(document, change(document.body, (*_POLICY, "outlierDetection"), value), inverse)
    others = (written.get("outlierDetection") or {}).keys() - _OUTLIER.values() - {"consecutiveGatewayErrors"}
    _check_restorable(f"outlier detection of {rule.name}", others)
    gateway_errors = policy.outlier_choice.gateway_errors if policy else None
    if present and gateway_errors and not 0 < present.consecutive_5xx <= gateway_errors:
        raise ActionError(
            f"outlier detection of {rule.name} also ejects after {gateway_errors} gateway errors,"
            " which could not be put back; edit the manifest instead"
        )
    alone = set(written) == {"outlierDetection"}
    at: Path = _POLICY if alone else (*_POLICY, "outlierDetection")
    return Change(document, change(document.body, at, None), inverse)


_RETRIES = {"attempts": "attempts", "per_try_timeout_ms": "perTryTimeout", "retry_on": "retryOn"}
_OUTLIER = {
    "consecutive_5xx": "consecutive5xxErrors",
    "interval_ms": "interval",
    "base_ejection_ms": "baseEjectionTime",
    "max_ejection_percent": "maxEjectionPercent",
}


def _check_restorable(what: str, lost: Set[str]) -> None:
    """Refuse an action that would remove settings which its inverse does not know."""
    if lost:
        names = ", ".join(sorted(lost))
        raise ActionError(f"{what} have {names} too, which could not be put back; edit the manifest instead")


def _merged(
    written: Any,
    present: Retries | OutlierDetection | None,
    wanted: Retries | OutlierDetection,
    keys: dict[str, str],
) -> dict[str, Any]:
    """The block with the differences written into it, and everything else as the person wrote it."""
    block = dict(written or {})
    for field in fields(wanted):
        value = getattr(wanted, field.name)
        if present is not None and getattr(present, field.name) == value:
            continue
        key = keys[field.name]
        if value is None:
            block.pop(key, None)
        else:
            block[key] = format_duration(value) if field.name.endswith("_ms") else value
    return block


def _route(config: MeshConfig, name: str, index: int) -> tuple[RouteSetting, Document, Path]:
    virtual_service, document = _find(config, "VirtualService", name, config.virtual_services)
    if not 0 <= index < len(virtual_service.http):
        raise ActionError(
            f"VirtualService {name} has no route {index}; it has 0 to {len(virtual_service.http) - 1}"
        )
    return route_setting(config, virtual_service, index), document, ("spec", "http", index)


def _find(config: MeshConfig, kind: str, name: str, objects: tuple[Named, ...]) -> tuple[Named, Document]:
    found = [item for item in objects if item.name == name]
    if not found:
        names = [item.name for item in objects]
        raise ActionError(
            f"{kind} {name} does not exist{suggestion(name, names)}; choose from {', '.join(names) or 'none'}"
        )
    return found[0], document_of(config, kind, found[0].namespace, name)
