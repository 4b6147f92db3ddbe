"""What the controller may ask of a load generator, whatever it is."""

from typing import Protocol

from marskit.domain.events import ScenarioInfo
from marskit.domain.load import LoadSample
from marskit.errors import UserError

LARGEST_FACTOR = 10.0


class ScenarioError(UserError):
    """A scenario that cannot be used: one sentence with file, field, what was found and what is allowed."""


class LoadError(UserError):
    """The load cannot do that, with one sentence saying why."""


def check_factor(factor: float) -> None:
    """Raise `LoadError` for a load factor that is out of range."""
    if not 0 < factor <= LARGEST_FACTOR:
        allowed = f"above 0 and at most {LARGEST_FACTOR:g}"
        raise LoadError(f"The load factor must be {allowed}, not {factor:g}.")


class Load(Protocol):
    """A load generator that follows a scenario's curve.

    All methods are called on the controller's event loop and must not block it. Readings carry the time of
    the clock the adapter was built with.
    """

    @property
    def scenario(self) -> ScenarioInfo:
        """The scenario that is followed, or will be once the load starts."""
        ...

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names that `set_scenario` takes."""
        ...

    async def prepare(self) -> None:
        """Do what needs no gateway yet, so that it may happen beside the start of the mesh.

        Raises:
            LoadError: It cannot start; everything that was started is gone again.
        """
        ...

    async def start(self, gateway_url: str) -> None:
        """Begin the curve at its beginning; return once requests flow.

        Raises:
            LoadError: It cannot start; everything that was started is gone again.
        """
        ...

    async def sample(self) -> LoadSample:
        """Read the load as it is now; a generator that died is a reading, not an exception."""
        ...

    async def set_factor(self, factor: float) -> None:
        """Send that many times the curve's rate from now on: 1 is the scenario, 3 a flash crowd.

        Raises:
            LoadError: The factor is out of range, or the generator does not answer.
        """
        ...

    async def set_scenario(self, scenario: str) -> None:
        """Follow another scenario (or the same) from its beginning; the factor stays.

        Raises:
            LoadError: There is no such scenario, or the generator does not answer.
        """
        ...

    async def stop(self) -> None:
        """Send nothing more and leave no process behind; safe to call twice and after a failed start."""
        ...
