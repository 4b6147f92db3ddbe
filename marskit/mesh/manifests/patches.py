"""JSON patches: the smallest change of an object, and the `kubectl` command that makes it."""

import copy
import json
import shlex
from dataclasses import dataclass
from typing import Any, Literal

from marskit.mesh.manifests.fields import Path
from marskit.mesh.manifests.model import Document

Cli = Literal["kubectl", "oc"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a JSON patch (RFC 6902)."""

    op: Literal["add", "remove", "replace", "test"]
    path: Path
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        """The operation as JSON."""
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in self.path)
        return {"op": self.op, "path": pointer} | ({} if self.op == "remove" else {"value": self.value})


def value_at(body: Any, path: Path) -> Any:
    """The value at the path, or None."""
    for part in path:
        try:
            body = body[part]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def change(body: Any, path: Path, value: Any) -> tuple[Operation, ...]:
    """The operations that set `value` at the path, or remove what is there for None.

    The present value is tested first, so that the command fails instead of overwriting a concurrent change.
    """
    present = value_at(body, path)
    if present == value:
        return ()
    guard = () if present is None else (Operation("test", path, present),)
    if value is None:
        return (*guard, Operation("remove", path))
    # A key with a null has to be replaced like one that is missing; `add` does both.
    return (*guard, Operation("add" if present is None else "replace", path, value))


def apply(body: Any, operations: tuple[Operation, ...]) -> Any:
    """A changed copy of the body; tests are assumed to pass."""
    changed = copy.deepcopy(body)
    for operation in operations:
        *above, last = operation.path
        parent = value_at(changed, tuple(above))
        match operation.op:
            case "test":
                pass
            case "remove":
                del parent[last]
            case "add" | "replace":
                parent[last] = copy.deepcopy(operation.value)
    return changed


def patch_command(document: Document, operations: tuple[Operation, ...], cli: Cli) -> str:
    """The command that applies the operations to a custom resource."""
    patch = json.dumps([operation.as_json() for operation in operations], separators=(",", ":"))
    return shlex.join(
        [
            cli,
            "patch",
            document.kind.lower(),
            document.name,
            "-n",
            document.namespace,
            "--type=json",
            "-p",
            patch,
        ]
    )
