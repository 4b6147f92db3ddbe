"""Strict validation: a field that the schemas do not name is a mistake."""

import json
from functools import cache
from pathlib import Path
from typing import Any

# jsonschema ships no types.
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource

_SCHEMAS = Path(__file__).with_name("schemas")


@cache
def _contents() -> dict[str, Any]:
    return {file.name: json.loads(file.read_text()) for file in sorted(_SCHEMAS.glob("*.json"))}


@cache
def _validator(file: str, kind: str) -> Any:
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(content)) for name, content in _contents().items()
    )
    return Draft202012Validator({"$ref": f"{file}#/$defs/{kind}"}, registry=registry)


def schema_files() -> tuple[str, ...]:
    return tuple(_contents())


def problems(body: dict[str, Any]) -> list[str]:
    """One line for each thing that is wrong: where, and what."""
    api_version, kind = str(body.get("apiVersion")), str(body.get("kind"))
    file = f"{api_version.rpartition('/')[0] or 'core'}.json"
    if kind not in _contents().get(file, {}).get("$defs", {}) or not kind[:1].isupper():
        return [f"no schema for {api_version} {kind}"]
    return sorted(f"{error.json_path}: {error.message}" for error in _validator(file, kind).iter_errors(body))
