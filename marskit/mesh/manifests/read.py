"""Reads files and folders into YAML documents that know the lines of their fields."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from marskit.errors import Complaint
from marskit.mesh.manifests import fields
from marskit.mesh.manifests.report import Report
from marskit.mesh.manifests.yaml_scalars import PLAIN, PREFIX, TEXT, key_text, scalar

SKIPPED_FOLDERS = frozenset({"overlays", "rbac", "node_modules"})
"""Folders that are skipped: overlays repeat the base for a cluster, and RBAC is for a controller in one."""
KUSTOMIZATION = frozenset({"kustomization.yaml", "kustomization.yml"})

# An alias copies its target, so a few lines can expand to billions of values.
_MOST_VALUES = 200_000
_TOO_DEEP = "an alias contains itself or the nesting is too deep"
_MARKER = re.compile(r"(?m)^---(?=[ \t\r\n]|$)")


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML document: its plain value, and its nodes for the line numbers."""

    file: Path
    node: yaml.Node
    body: Any
    first_line: int
    """Lines of the file before the part that the nodes count from."""
    is_broken: bool = False
    """Whether it is wrong as YAML, which was told already."""
    has_holes: bool = False
    """Whether parts could not be read, and are None in the body."""

    def line(self, path: fields.Path = ()) -> int:
        """The line, from 1, of the field at `path`, or of its nearest present ancestor."""
        node, line = self.node, self.node.start_mark.line
        for part in path:
            if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
            elif isinstance(node, yaml.MappingNode):
                entry = next((e for e in node.value if _key(e[0]) == part), None)
                if entry is None:
                    break
                line, node = entry[0].start_mark.line, entry[1]
            else:
                break
        return int(line) + self.first_line + 1

    def complaint(self, sentence: str, path: fields.Path = ()) -> Complaint:
        """The sentence with the place of a field."""
        return Complaint(sentence, self.file, self.line(path))

    def remark(self, problem: str, path: fields.Path = ()) -> str:
        """The problem preceded by file and line, on one line whatever a manifest contains."""
        return str(self.complaint(problem, path))


def read_files(paths: Sequence[Path], report: Report) -> list[Source]:
    """The documents of all files, in the order of the paths and, within a folder, by name.

    `report` hears of paths that do not exist, folders without YAML, and what is not YAML.
    """
    return [source for path in paths for file in _files(path, report) for source in _documents(file, report)]


def _files(path: Path, report: Report) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        report.unreadable(Complaint("this file or folder of manifests does not exist", path))
        return []
    files = sorted(_walk(path))
    if not files:
        report.unreadable(Complaint("the folder contains no *.yaml or *.yml file", path))
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


def _documents(file: Path, report: Report) -> Iterator[Source]:
    report.reads(file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        report.unreadable(Complaint(f"cannot be read as text: {error}", file))
        return
    starts = [0, *(marker.start() for marker in _MARKER.finditer(text)), len(text)]
    # One by one, so that a document that is not YAML does not hide the others.
    for start, end in pairwise(starts):
        yield from _part(file, text[start:end], text.count("\n", 0, start), report)


def _part(file: Path, text: str, first_line: int, report: Report) -> Iterator[Source]:
    """The documents between two markers, nearly always one."""
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                break
            builder = _Builder()
            body = builder.build(node)
            for line, problem in builder.problems:
                report.add(Complaint(problem, file, first_line + line + 1))
            wrong = bool(builder.problems), builder.has_holes
            if isinstance(body, dict) and body.get("kind") == "List" and isinstance(body.get("items"), list):
                items = next(value for key, value in reversed(node.value) if _key(key) == "items")
                for part, value in zip(items.value, body["items"], strict=True):
                    yield Source(file, part, value, first_line, *wrong)
            elif body is not None:
                yield Source(file, node, body, first_line, *wrong)
    except yaml.YAMLError as error:
        line = first_line + _line_of(error, text) + 1
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        if "nesting depth" in problem:
            report.unreadable(Complaint(_TOO_DEEP, file, first_line + 1))
        else:
            report.unreadable(Complaint(f"this is not YAML: {problem}", file, line))
    except RecursionError:
        report.unreadable(Complaint(_TOO_DEEP, file, first_line + 1))


def _line_of(error: yaml.YAMLError, text: str) -> int:
    """The line of an error, from 0; for what is still open at the end, the line where it begins."""
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    last = max(0, len(text.splitlines()) - 1)
    if mark is not None and mark.line > last and context is not None:
        mark = context
    return min(int(mark.line), last) if mark is not None else 0


class _Loader(yaml.CSafeLoader):
    """Leaves it to the builder what a plain scalar means, and to nobody to look for timestamps."""

    def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> str:
        """The tag of a node without one."""
        return PLAIN if kind is yaml.ScalarNode and implicit[0] else TEXT


class _Builder:
    """Converts nodes to plain values: no shared parts, no repeated keys, only JSON types."""

    def __init__(self) -> None:
        self.problems: list[tuple[int, str]] = []
        """Lines, from 0, and sentences."""
        self.has_holes = False
        self._values = 0

    def build(self, node: yaml.Node) -> Any:
        """The value of a node; None stands for what is wrong."""
        self._values += 1
        if self._values > _MOST_VALUES:
            if self._values == _MOST_VALUES + 1:
                self._fail(node, f"a document with more than {_MOST_VALUES} values is refused")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item) for item in node.value]
        assert isinstance(node, yaml.ScalarNode)
        try:
            value = scalar(node)
        except ValueError as error:
            self._fail(node, str(error))
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._fail(node, f"{node.value} is not a number that Kubernetes takes: write it in quotes")
            return None
        return value

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if _is_merge(key):
                merged = self._merged(value) | merged
                continue
            name = _key(key)
            if name is None:
                found = fields.found(key.value) if isinstance(key, yaml.ScalarNode) else f"a {key.id}"
                self._fail(key, f"the key is {found}, but must be a string: write it in quotes")
            elif name in own:
                self._tell(key, f"the key {fields.found(name)} is written twice")
            else:
                own[name] = self.build(value)
        return merged | own

    def _merged(self, node: yaml.Node) -> dict[str, Any]:
        """The entries that `<<` takes over; of several mappings, the first that has a key counts."""
        if isinstance(node, yaml.MappingNode):
            return dict(self._mapping(node))
        if isinstance(node, yaml.SequenceNode) and all(isinstance(n, yaml.MappingNode) for n in node.value):
            taken: dict[str, Any] = {}
            for each in node.value:
                taken = self._mapping(each) | taken
            return taken
        self._fail(node, "the key << must have a mapping, or a list of mappings")
        return {}

    def _fail(self, node: yaml.Node, problem: str) -> None:
        self.has_holes = True
        self._tell(node, problem)

    def _tell(self, node: yaml.Node, problem: str) -> None:
        self.problems.append((node.start_mark.line, problem))


def _is_merge(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.tag in (PLAIN, f"{PREFIX}merge")


def _key(node: yaml.Node) -> str | None:
    """The key of the JSON object that Kubernetes makes of a mapping; None if it cannot be one."""
    try:
        return key_text(scalar(node)) if isinstance(node, yaml.ScalarNode) else None
    except ValueError:
        return None
