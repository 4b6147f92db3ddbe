"""The location of the demo, in a checkout and in an installed package; no other module looks for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from marskit.errors import UserError

_FILES = Path(__file__).with_name("demo_files")
"""In a checkout this folder links to the repository's folders; a wheel contains copies of them."""

DEMO_MANIFESTS = ((_FILES / "k8s").resolve() / "base", (_FILES / "service-mesh").resolve())
"""The shop's Kubernetes and Istio manifests."""
LOCUSTFILE = (_FILES / "locust").resolve() / "locustfile.py"
SCENARIOS = (_FILES / "locust").resolve() / "scenarios"
"""The shipped load scenarios, one TOML file each."""
DEMO_SERVICES = (_FILES / "src").resolve()
"""The npm workspace of the shop's services; read-only where marskit is installed."""
EXAMPLES = (_FILES / "examples").resolve()
"""Meshes beside the shop."""

_NOT_EXPORTED = frozenset({"node_modules", "__pycache__"})


class ExportError(UserError):
    """The demo cannot be written to a folder; the message is one sentence for a person."""


def export_demo(folder: Path) -> None:
    """Write the demo's files into `folder`, to be edited and run from there with `--manifests`.

    Args:
        folder: A folder that is empty or does not exist yet.

    Raises:
        ExportError: The folder holds something, or cannot be written.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ExportError(
                f"{folder} is not an empty folder; the demo is written to an empty or a new one"
            )
        for part in sorted(_FILES.iterdir()):
            for file in _files(part.resolve()):
                target = folder / part.name / file.relative_to(part.resolve())
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                # Whoever exports the demo may edit it, wherever it was installed read-only.
                target.chmod(file.stat().st_mode | 0o200)
    except OSError as error:
        raise ExportError(f"{error.filename or folder} cannot be written: {error.strerror}") from error


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.name not in _NOT_EXPORTED:
                yield from _files(entry)
        else:
            yield entry
