"""The shop of `fixtures/shop.yaml`, whole and with one place changed."""

from functools import cache
from pathlib import Path

from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig

FIXTURES = Path(__file__).parent / "fixtures"
SHOP = FIXTURES / "shop.yaml"
MARK = "# HERE"


@cache
def shop() -> MeshConfig:
    return load_mesh([SHOP])


def changed(folder: Path, old: str, new: str) -> Path:
    """A copy of the shop in which `old`, which stands there once, is `new`."""
    text = SHOP.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands there {text.count(old)} times"
    file = folder / "mesh.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return file


def marked_line(file: Path) -> int:
    """The number of the line that is marked."""
    lines = file.read_text(encoding="utf-8").splitlines()
    (number,) = [n for n, line in enumerate(lines, start=1) if MARK in line]
    return number
