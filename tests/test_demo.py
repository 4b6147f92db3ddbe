"""The demo as it is exported to be edited."""

import stat
import subprocess
from pathlib import Path

import pytest

from marskit.demo import DEMO_MANIFESTS, ExportError, export_demo
from marskit.load.scenario import load_scenario
from marskit.mesh.manifests.load import load_mesh
from tests.paths import ROOT

PARTS = ("examples", "k8s", "locust", "service-mesh", "src")


def test_what_is_exported_is_what_the_repository_holds(tmp_path: Path) -> None:
    export_demo(tmp_path / "shop")
    listed = subprocess.check_output(["git", "ls-files", *PARTS], cwd=ROOT, text=True).splitlines()
    exported = {str(f.relative_to(tmp_path / "shop")) for f in (tmp_path / "shop").rglob("*") if f.is_file()}
    assert exported == set(listed)
    for name in listed:
        original, copy = ROOT / name, tmp_path / "shop" / name
        assert copy.read_bytes() == original.read_bytes()
        assert copy.stat().st_mode & stat.S_IXUSR == original.stat().st_mode & stat.S_IXUSR


def test_the_export_is_a_mesh_and_a_load_of_its_own(tmp_path: Path) -> None:
    export_demo(tmp_path)
    config = load_mesh([tmp_path / "k8s" / "base", tmp_path / "service-mesh"])
    assert config.root == tmp_path
    assert {d.name for d in config.deployments} == {d.name for d in load_mesh(DEMO_MANIFESTS).deployments}
    for scenario in (tmp_path / "locust" / "scenarios").glob("*.toml"):
        assert load_scenario(str(scenario)).name


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ExportError, match=rf"^{place} is not an empty folder; [^\n]+$"):
            export_demo(place)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=rf"^{tmp_path}/file/shop/?\S* cannot be written: Not a directory$"):
        export_demo(tmp_path / "file" / "shop")
