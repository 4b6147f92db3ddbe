"""Actions as edits of YAML documents: the new configuration, the diff, the command and the inverse."""

from dataclasses import replace
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml

from marskit.domain.actions import Action
from marskit.mesh.manifests.changes import Change, change_for
from marskit.mesh.manifests.istio import DestinationRule, VirtualService
from marskit.mesh.manifests.mapping import LocalMapping
from marskit.mesh.manifests.model import Document, MeshConfig
from marskit.mesh.manifests.parse import parse
from marskit.mesh.manifests.patches import Cli, apply
from marskit.mesh.manifests.selection import document_of
from marskit.mesh.port import ActionError, ActionPreview


def apply_action(config: MeshConfig, action: Action) -> MeshConfig:
    """The configuration after the action; `config` is unchanged.

    Raises:
        ActionError: The action's target does not exist, or its value is not allowed.
    """
    change = change_for(config, action)
    return _with(config, change) if change.operations else config


def preview_action(config: MeshConfig, action: Action, *, cli: Cli = "kubectl") -> ActionPreview:
    """What a person would see and type to carry out the action, and to undo it.

    Raises:
        ActionError: The action's target does not exist, or its value is not allowed.
    """
    change = change_for(config, action)
    if not change.operations:
        return ActionPreview(change.command(cli), "", None, None)
    after = _with(config, change)
    document = document_of(after, change.document.kind, change.document.namespace, change.document.name)
    diff = _diff(config, change.document, document)
    back = change_for(after, change.inverse)
    return ActionPreview(change.command(cli), diff, change.inverse, back.command(cli))


def _with(config: MeshConfig, change: Change) -> MeshConfig:
    """The configuration with the changed document, parsed again."""
    old = change.document
    document = replace(old, body=apply(old.body, change.operations))
    config = replace(config, documents=tuple(document if d is old else d for d in config.documents))
    if change.scale is not None:
        # Not parsed again: the document lacks what a mapping file adds to a Deployment.
        _, replicas = change.scale
        return replace(
            config,
            deployments=tuple(
                replace(d, replicas=replicas) if d.name == old.name else d for d in config.deployments
            ),
        )
    parsed, wrong = parse(document, frozenset(d.namespace for d in config.documents), LocalMapping(), [])
    if wrong:
        raise ActionError(f"{old.kind} {old.name}: {wrong[0]}")
    match parsed:
        case VirtualService():
            services = tuple(parsed if _same(vs, parsed) else vs for vs in config.virtual_services)
            return replace(config, virtual_services=services)
        case DestinationRule():
            rules = tuple(parsed if _same(rule, parsed) else rule for rule in config.destination_rules)
            return replace(config, destination_rules=rules)
        case _:
            raise AssertionError(f"no action patches a {old.kind}")


def _same(one: VirtualService | DestinationRule, other: VirtualService | DestinationRule) -> bool:
    return (one.namespace, one.name) == (other.namespace, other.name)


def _diff(config: MeshConfig, before: Document, after: Document) -> str:
    file = before.file.resolve()
    shown = file.relative_to(config.root) if file.is_relative_to(config.root) else Path(file.name)
    label = f"{shown} {before.kind}/{before.name}"
    return "".join(
        unified_diff(_yaml(before.body), _yaml(after.body), fromfile=f"a/{label}", tofile=f"b/{label}")
    )


def _yaml(body: Any) -> list[str]:
    text = yaml.dump(body, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text.splitlines(keepends=True)
