"""A load scenario: an arrival curve and a request mix; and where scenarios are found."""

from dataclasses import dataclass
from pathlib import Path

from marskit.demo import SCENARIOS
from marskit.domain.events import ScenarioInfo
from marskit.load.arrival_table import read_curve
from marskit.load.curves import Curve, Steady
from marskit.load.mix import Request, read_requests
from marskit.load.port import ScenarioError as ScenarioError
from marskit.system.toml_table import TomlTable, read_toml

_POINTS = 200
"""In the curve that screens show."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The rate of requests over time, and the request mix."""

    name: str
    """The file's name without its extension."""
    path: Path
    """The file it was read from, absolute."""
    title: str
    description: str
    duration_s: float
    """Length in scenario seconds; afterwards the last rate continues."""
    speed: float
    """Scenario seconds per real second. Rates are per real second; only the time axis is scaled."""
    users: int
    """The size of the user pool: each user sends this fraction of the rate."""
    curve: Curve
    requests: tuple[Request, ...]

    @property
    def peak_rate(self) -> float:
        """Requests per second that the curve never exceeds."""
        return self.curve.highest_requests_per_s

    def rate_at(self, t_s: float) -> float:
        """Requests per second at a scenario second; constant before the beginning and after the end."""
        return self.curve.rate_at(min(max(t_s, 0.0), self.duration_s))

    def info(self) -> ScenarioInfo:
        """What screens show of it: no requests, and the curve as evenly spaced points."""
        times_s = (self.duration_s * point / _POINTS for point in range(_POINTS + 1))
        return ScenarioInfo(
            name=self.name,
            title=self.title,
            duration_s=self.duration_s,
            speed=self.speed,
            curve=tuple((t_s, self.rate_at(t_s)) for t_s in times_s),
        )


def list_scenarios() -> tuple[str, ...]:
    """The names of the shipped scenarios, in alphabetical order."""
    return tuple(sorted(file.stem for file in SCENARIOS.glob("*.toml")))


def find_scenario(name_or_path: str | Path) -> Path:
    """The file of a shipped scenario, or the path itself if it names a file.

    Raises:
        ScenarioError: It is neither.
    """
    if str(name_or_path) in list_scenarios():
        return SCENARIOS / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        return path
    raise ScenarioError(
        f'Unknown scenario "{name_or_path}"; choose {", ".join(list_scenarios())} '
        "or the path of a .toml file."
    )


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read and check a scenario.

    Raises:
        ScenarioError: It cannot be found or used.
    """
    path = find_scenario(name_or_path)
    table = TomlTable(path, "", read_toml(path, "the scenario", ScenarioError), ScenarioError)
    scenario = Scenario(
        name=path.stem,
        path=path.absolute(),
        title=table.hear(lambda: table.text("title"), ""),
        description=table.hear(lambda: table.text("description"), ""),
        duration_s=table.hear(lambda: table.number("duration_s", above=0), 1.0),
        speed=table.hear(lambda: table.number("speed", above=0, at_most=1000), 1.0),
        users=table.hear(lambda: table.integer("users", at_least=1, at_most=10_000), 1),
        curve=table.hear(lambda: read_curve(table.table("arrival"), path.parent), Steady(1.0)),
        requests=table.hear(lambda: read_requests(table, table.tables("request")), ()),
    )
    table.hear(table.close, None)
    table.refuse()
    return scenario
