"""What the screens are told of a scenario."""

from marskit.domain.events import ScenarioInfo
from marskit.load.scenario import Scenario

_POINTS = 200


def scenario_info(scenario: Scenario) -> ScenarioInfo:
    """The scenario without its requests, its curve as evenly spaced points."""
    times_s = (scenario.duration_s * point / _POINTS for point in range(_POINTS + 1))
    return ScenarioInfo(
        name=scenario.name,
        title=scenario.title,
        duration_s=scenario.duration_s,
        speed=scenario.speed,
        curve=tuple((t_s, scenario.rate_at(t_s)) for t_s in times_s),
    )
