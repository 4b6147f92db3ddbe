"""What a person gives to a lab, as the settings of a run."""

import sysconfig
from collections.abc import Sequence
from pathlib import Path

from marskit.errors import UserError

CLUSTER = "cluster"

Paths = str | Path | Sequence[str | Path]
"""One file or folder, or several."""


class LabError(UserError):
    """Something that a lab cannot do; one sentence says why."""


def mesh_name(mesh: str) -> str:
    """The name of the mesh.

    Raises:
        LabError: There is no such mesh, or not yet.
    """
    from marskit.assembly.settings import MESHES

    if mesh == CLUSTER:
        raise LabError(f"A lab on a cluster is not there yet; choose one of {', '.join(MESHES)}.")
    if mesh not in MESHES:
        raise LabError(f"Unknown mesh {mesh!r}; choose one of {', '.join(MESHES)}.")
    return mesh


def paths(given: Paths) -> tuple[Path, ...]:
    """The files and folders, as paths that keep their meaning when the current folder changes."""
    several = (given,) if isinstance(given, str | Path) else given
    return tuple(Path(each).absolute() for each in several)


def runs_folder(given: str | Path | None) -> str | Path:
    """Where runs are stored: an absolute folder, or the URL of an object store.

    Args:
        given: What the person gave; None is `runs` in the current folder, as for `marskit run`.

    Raises:
        LabError: The folder is among installed packages.
        KnowledgeError: The URL cannot be used.
    """
    from marskit.knowledge.port import runs_place

    place = runs_place(str(given)) if given is not None else Path("runs")
    if not isinstance(place, Path):
        return place
    folder = place.expanduser().absolute()
    for name in ("purelib", "platlib", "stdlib"):
        if folder.is_relative_to(sysconfig.get_path(name)):
            raise LabError(f"Runs would be stored in {folder}, among installed packages; give runs=FOLDER.")
    return folder
