"""What a person gives to a lab, checked, and what a lab needs that may not be installed."""

import sysconfig
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from marskit.domain.records import Mode
from marskit.errors import UserError
from marskit.plugins.base import Planner
from marskit.plugins.by_value import planner_name

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


def as_mode(mode: Mode | str) -> Mode:
    """The mode of that name.

    Raises:
        LabError: There is no such mode.
    """
    try:
        return Mode(mode)
    except ValueError:
        raise LabError(f"Unknown mode {mode!r}; choose one of {', '.join(Mode)}.") from None


def checked_planner(planner: str | type[Planner]) -> str:
    """The planner's name; none of its code is imported.

    Raises:
        UserError: There is no such planner.
    """
    from marskit.agents.registry import parse_name

    name = planner_name(planner)
    parse_name(name)
    return name


def dashboard(shown: object, *panels: str, pause_after_s: float | None, close_after_s: float | None) -> Any:
    """The widgets for a lab or a replay.

    Args:
        shown: The lab or the replay.
        panels: The names of the panels; none for all.
        pause_after_s: Time after which it is paused when no page shows it any more; None for the usual one.
        close_after_s: Time after which it is closed then; None for the usual one.

    Raises:
        LabError: The extra `notebook` is not installed.
    """
    try:
        widgets = import_module("marskit.widgets")
        waits = {"pause_after_s": pause_after_s, "close_after_s": close_after_s}
        patience = widgets.Patience(**{name: wait for name, wait in waits.items() if wait is not None})
        return widgets.Dashboard(shown, *panels, patience=patience)
    except ModuleNotFoundError as error:
        raise LabError(
            f"The panels need the extra notebook ({error.name} is missing): pip install 'marskit[notebook]'."
        ) from error
