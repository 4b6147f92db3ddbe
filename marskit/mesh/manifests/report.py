"""Collects all complaints about a mesh, without those that only follow from others."""

from dataclasses import dataclass, field
from pathlib import Path

from marskit.errors import Complaint
from marskit.mesh.manifests.fields import Lack
from marskit.mesh.manifests.findings import ROUTING

_ROUTING = ("VirtualService", "DestinationRule", "Service")


@dataclass(slots=True)
class Report:
    """What is wrong so far, and which objects are missing because they could not be read."""

    complaints: list[Complaint] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    """In the order in which they were read."""
    _failed: set[Lack] = field(default_factory=set)
    _anything: bool = False
    """Whether something could not be read at all, so that any object may be missing."""

    def reads(self, file: Path) -> None:
        """A file is about to be read."""
        if file not in self.files:
            self.files.append(file)

    def add(self, complaint: Complaint) -> None:
        """Something is wrong."""
        if complaint.file is not None:
            self.reads(complaint.file)
        if complaint not in self.complaints:
            self.complaints.append(complaint)

    def unreadable(self, complaint: Complaint) -> None:
        """A file, or a document of one, cannot be read."""
        self.add(complaint)
        self._anything = True

    def failed(self, kind: str, name: str = "") -> None:
        """An object is wrong, and so will be missed; without a kind or a name, it may be any."""
        self._failed.add((kind, name))
        self._anything |= not kind

    def is_missed(self, lacks: Lack | None) -> bool:
        """Whether the absence of an object only follows from what was told already."""
        if lacks is None:
            return False
        kind, name = lacks
        if kind == ROUTING:
            return any(self.is_missed((each, "")) for each in _ROUTING)
        if name:
            return self._anything or {(kind, name), (kind, "")} & self._failed != set()
        return self._anything or any(failed == kind for failed, _ in self._failed)

    def in_order(self) -> list[Complaint]:
        """The complaints by file, in the order of lines."""

        def place(complaint: Complaint) -> tuple[int, int]:
            file = len(self.files) if complaint.file is None else self.files.index(complaint.file)
            return file, complaint.line or 0

        return sorted(self.complaints, key=place)
