"""Reads files and folders into YAML documents that know the lines of their fields."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from marskit.mesh.manifests import fields
from marskit.mesh.manifests.model import ManifestError

SKIPPED_FOLDERS = frozenset({"overlays", "rbac", "node_modules"})
"""Folders that are skipped: overlays repeat the base for a cluster, and RBAC is for a controller in one."""
KUSTOMIZATION = frozenset({"kustomization.yaml", "kustomization.yml"})

# An alias copies its target, so a few lines can expand to billions of values.
_MOST_VALUES = 200_000
_PREFIX = "tag:yaml.org,2002:"
_TOO_DEEP = "an alias contains itself or the nesting is too deep"
_TEXT_TAGS = frozenset({f"{_PREFIX}str", f"{_PREFIX}timestamp", f"{_PREFIX}value"})
_SCALAR_TAGS = frozenset({f"{_PREFIX}{name}" for name in ("int", "float", "bool", "null")})


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML document: its plain value, and its nodes for the line numbers."""

    file: Path
    node: yaml.Node
    body: Any

    def line(self, path: fields.Path = ()) -> int:
        """The line, from 1, of the field at `path`, or of its nearest present ancestor."""
        node, line = self.node, self.node.start_mark.line
        for part in path:
            if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
            elif isinstance(node, yaml.MappingNode):
                entry = next((e for e in node.value if e[0].value == part), None)
                if entry is None:
                    break
                line, node = entry[0].start_mark.line, entry[1]
            else:
                break
        return int(line) + 1

    def remark(self, problem: str, path: fields.Path = ()) -> str:
        """The problem preceded by file and line, on one line whatever a manifest contains."""
        printable = "".join(letter if letter.isprintable() else "?" for letter in problem)
        return f"{self.file}:{self.line(path)}: {printable}"

    def error(self, problem: str, path: fields.Path = ()) -> ManifestError:
        """The problem as an error."""
        return ManifestError(self.remark(problem, path))


def read_files(paths: Sequence[Path]) -> list[Source]:
    """The documents of all files, in the order of the paths and, within a folder, by name.

    Raises:
        ManifestError: A path does not exist, a folder contains no YAML, or a file is not YAML.
    """
    return [source for path in paths for file in _files(path) for source in _documents(file)]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ManifestError(f"{path}: this file or folder of manifests does not exist")
    files = sorted(_walk(path))
    if not files:
        raise ManifestError(f"{path}: the folder contains no *.yaml or *.yml file")
    return files


def _walk(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.name in KUSTOMIZATION:
            continue
        if entry.is_dir():
            if entry.name not in SKIPPED_FOLDERS:
                yield from _walk(entry)
        elif entry.suffix in (".yaml", ".yml"):
            yield entry


def _documents(file: Path) -> Iterator[Source]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file}: cannot be read as text: {error}") from None
    try:
        loader = yaml.CSafeLoader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                break
            body = _Builder(file, loader).build(node)
            if isinstance(body, dict) and body.get("kind") == "List" and isinstance(body.get("items"), list):
                items = next(value for key, value in node.value if key.value == "items")
                yield from (Source(file, n, b) for n, b in zip(items.value, body["items"], strict=True))
            elif body is not None:
                yield Source(file, node, body)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        if "nesting depth" in problem:
            raise ManifestError(f"{file}: {_TOO_DEEP}") from None
        raise ManifestError(f"{file}:{line}: this is not YAML: {problem}") from None
    except RecursionError:
        raise ManifestError(f"{file}: {_TOO_DEEP}") from None


class _Builder:
    """Converts nodes to plain values: no shared parts, no repeated keys, only JSON types."""

    def __init__(self, file: Path, loader: yaml.CSafeLoader) -> None:
        self._file = file
        self._loader = loader
        self._values = 0

    def build(self, node: yaml.Node) -> Any:
        self._values += 1
        if self._values > _MOST_VALUES:
            raise ManifestError(f"{self._file}: a document with more than {_MOST_VALUES} values is refused")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item) for item in node.value]
        if node.tag in _TEXT_TAGS:
            return node.value
        if node.tag in _SCALAR_TAGS:
            try:
                return self._loader.construct_object(node)
            except (ValueError, IndexError):
                # A tag that does not fit its value: `!!int x`.
                pass
        raise self._error(node, f"the tag {node.tag} is not allowed there")

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or (
                key.tag not in _TEXT_TAGS and key.tag != f"{_PREFIX}merge"
            ):
                found = fields.found(key.value) if isinstance(key, yaml.ScalarNode) else f"a {key.id}"
                raise self._error(key, f"the key is {found}, but must be a string: write it in quotes")
            if key.value in seen:
                raise self._error(key, f"the key {fields.found(key.value)} is written twice")
            seen.add(key.value)
        self._loader.flatten_mapping(node)
        return {key.value: self.build(value) for key, value in node.value}

    def _error(self, node: yaml.Node, problem: str) -> ManifestError:
        return ManifestError(f"{self._file}:{node.start_mark.line + 1}: {problem}")
