"""What is built holds everything once, and does from an empty folder what the checkout does."""

import re
import shutil
import subprocess
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.package.conftest import Built, Installed, contents
from tests.paths import ROOT

# One process for all of them: they share the environment, and run in this order.
pytestmark = [pytest.mark.package, pytest.mark.xdist_group("package"), pytest.mark.timeout(400)]

DEMO = ("examples", "k8s", "locust", "service-mesh", "src")
UNREACHABLE = {"npm_config_registry": "http://127.0.0.1:9/", "npm_config_cache": "/nonexistent"}
CUT = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def network_cut() -> tuple[tuple[str, ...], Mapping[str, str]]:
    """How to run a command without a network: no interface but loopback, or at least no registry."""
    if (
        shutil.which("unshare")
        and subprocess.run([*CUT, "true"], capture_output=True, check=False).returncode == 0
    ):
        return CUT, {}
    return (), UNREACHABLE


def expected_files() -> set[str]:
    """What of the repository belongs into the package, by its place in there."""
    moved = {
        "tui": Path("marskit"),
        "notebooks": Path("marskit", "course"),
        **dict.fromkeys(DEMO, Path("marskit", "demo_files")),
    }
    listed = subprocess.check_output(["git", "ls-files", "marskit", *moved], cwd=ROOT, text=True)
    files = [Path(name) for name in listed.splitlines()]
    return {str(moved.get(file.parts[0], Path()) / file) for file in files if not (ROOT / file).is_symlink()}


def test_sdist_and_wheel_hold_everything_once_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = Counter(wheel.namelist())
    assert set(names.values()) == {1}
    own = {name for name in names if ".dist-info/" not in name}
    assert own == expected_files()
    with tarfile.open(built.sdist) as sdist:
        members = [member for member in sdist.getmembers() if not member.isdir()]
    assert all(member.isfile() for member in members)
    packed = Counter(member.name.partition("/")[2] for member in members)
    assert set(packed.values()) == {1}
    assert {name for name in packed if name.startswith("marskit/")} == own
    metadata = {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}
    assert {name for name in packed if not name.startswith(("marskit/", "marskit.egg-info/"))} == metadata


@pytest.fixture(scope="session")
def first_run(installed: Installed) -> str:
    assert list(installed.folder.iterdir()) == []
    return installed.marskit("--headless", "--cycles", "3")


def test_three_cycles_on_a_real_envoy(first_run: str) -> None:
    assert re.search(r"packages: downloading [1-9]\d* npm packages to .*/cache/marskit/services;", first_run)
    assert "the gateway answers at http://127.0.0.1:" in first_run
    assert "3 cycles over" in first_run


@pytest.mark.usefixtures("first_run")
def test_the_second_start_needs_no_network(installed: Installed) -> None:
    prefix, environment = network_cut()
    program = installed.environment / "bin" / "marskit"
    told = installed.run(*prefix, program, "--headless", "--cycles", "3", environment=environment).stdout
    assert "packages:" not in told
    assert "3 cycles over" in told


@pytest.mark.usefixtures("first_run")
def test_its_runs_are_replayed_and_reported(installed: Installed) -> None:
    for command in (("replay", "last", "--headless"), ("report", "last")):
        told = installed.marskit(*command)
        assert "on the envoy mesh" in told
        assert "3 cycles over" in told
    assert len(list((installed.folder / "runs").glob("run=*"))) == 2


def test_the_twin_the_check_and_a_comparison(installed: Installed) -> None:
    assert "3 cycles over" in installed.marskit("--headless", "--mesh", "twin", "--cycles", "3")
    assert "ingress → orders" in installed.marskit("check")
    compared = installed.marskit(
        *("compare", "--mesh", "twin", "--engine", "fast"),
        *("--planners", "static,threshold", "--scenarios", "spike", "--seeds", "1"),
    )
    assert "threshold" in compared


def test_the_demo_is_exported_whole(installed: Installed) -> None:
    installed.marskit("demo", "export", "shop")
    exported = {str(Path("marskit", "demo_files") / name) for name in contents(installed.folder / "shop")}
    assert exported == {name for name in expected_files() if name.startswith("marskit/demo_files/")}
    assert "ingress → orders" in installed.marskit("check", "shop/k8s/base", "shop/service-mesh")


def test_its_environment_is_made_by_name(installed: Installed, tmp_path: Path) -> None:
    # Beside the environment: the program itself must do without.
    pip = (installed.environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps")
    packages = ("gymnasium>=1.4,<2", "cloudpickle", "farama-notifications", "typing-extensions")
    subprocess.run([*pip, "--target", tmp_path, *packages], check=True, stderr=subprocess.PIPE)
    code = """
import sys
import gymnasium
from importlib.metadata import entry_points
assert not any(name.startswith("marskit") for name in sys.modules)
print(type(gymnasium.make("marskit.env.registration:marskit/Mesh-v0").unwrapped).__name__)
gymnasium.registry.pop("marskit/Mesh-v0")
(plugin,) = entry_points(group="gymnasium.envs")
plugin.load()()
print(type(gymnasium.make("marskit/Mesh-v0").unwrapped).__name__)
"""
    python = installed.environment / "bin" / "python"
    told = installed.run(python, "-c", code, environment={"PYTHONPATH": str(tmp_path)}).stdout
    assert told.split() == ["MeshEnv", "MeshEnv"]


@pytest.mark.usefixtures("first_run")
def test_nothing_was_written_into_the_installed_packages(installed: Installed) -> None:
    assert contents(installed.site_packages) == installed.before
