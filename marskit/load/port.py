"""What the controller may ask of a load generator, whatever it is."""

from typing import Protocol

from marskit.domain.events import ScenarioInfo
from marskit.domain.load import LoadSample


class LoadError(Exception):
    """The load cannot start, or cannot do what was asked, with one sentence saying why."""


class Load(Protocol):
    """A load generator that follows a scenario's curve; all methods are called on the controller's loop."""

    @property
    def scenario(self) -> ScenarioInfo:
        """The scenario in force; known before `start`."""
        ...

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names of all scenarios that may be chosen."""
        ...

    async def start(self, gateway_url: str) -> None:
        """Send the scenario's load to the gateway from now on.

        Raises:
            LoadError: It cannot start; everything that was started is gone again.
        """
        ...

    async def sample(self) -> LoadSample:
        """The newest reading."""
        ...

    async def set_factor(self, factor: float) -> None:
        """Ask for so many times the scenario's own rate.

        Raises:
            LoadError: The factor is out of range.
        """
        ...

    async def set_scenario(self, scenario: str) -> None:
        """Start another scenario from its beginning.

        Raises:
            LoadError: There is no such scenario, or it is wrong.
        """
        ...

    async def stop(self) -> None:
        """End everything that `start` began; safe to call twice and after a failed start."""
        ...
