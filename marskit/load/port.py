"""The controller's interface to a load generator."""

from typing import Protocol

from marskit.domain.events import ScenarioInfo
from marskit.domain.load import LoadSample
from marskit.errors import InputError, UserError

LARGEST_FACTOR = 10.0


class ScenarioError(InputError):
    """A scenario that cannot be used: files, fields, what was found and what is allowed."""


class LoadError(UserError):
    """The load cannot do that; one sentence says why."""


def check_factor(factor: float) -> None:
    """Raise `LoadError` for a load factor that is out of range."""
    if not 0 < factor <= LARGEST_FACTOR:
        allowed = f"above 0 and at most {LARGEST_FACTOR:g}"
        raise LoadError(f"The load factor must be {allowed}, not {factor:g}.")


class Load(Protocol):
    """A load generator that follows a scenario's curve.

    All methods are called on the controller's event loop and must not block it. Readings have the time of
    the clock the adapter was built with.
    """

    @property
    def scenario(self) -> ScenarioInfo:
        """The present scenario, or the one to follow once the load starts."""
        ...

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names that `set_scenario` accepts."""
        ...

    async def prepare(self) -> None:
        """Do what needs no gateway yet, while the mesh starts.

        Raises:
            LoadError: It cannot start; everything that was started has been stopped.
        """
        ...

    async def start(self, gateway_url: str) -> None:
        """Start the curve at its beginning; return once requests flow.

        Raises:
            LoadError: It cannot start; everything that was started has been stopped.
        """
        ...

    async def sample(self) -> LoadSample:
        """The present state of the load; a dead generator is a reading, not an exception."""
        ...

    async def set_factor(self, factor: float) -> None:
        """Multiply the curve's rate from now on: 1 is the scenario, 3 a flash crowd.

        Raises:
            LoadError: The factor is out of range, or the generator does not respond.
        """
        ...

    async def set_scenario(self, scenario: str) -> None:
        """Follow another scenario (or the same) from its beginning; the factor stays.

        Raises:
            LoadError: The scenario does not exist, or the generator does not respond.
        """
        ...

    async def stop(self) -> None:
        """Stop the load and leave no process behind; safe to call twice and after a failed start."""
        ...
