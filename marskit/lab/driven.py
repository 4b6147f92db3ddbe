"""A run that a person drives from another thread: commands that return when they took effect."""

from marskit.controller.runtime import Runtime
from marskit.domain.commands import Command, Pause
from marskit.domain.state import State
from marskit.lab.inputs import LabError
from marskit.lab.watch import Until, Watch

PAUSE_S = 5.0
"""Longest wait for the pause after an interrupt, in seconds."""


class Driven:
    """A runtime, what it has told so far, and how long to wait for it."""

    def __init__(self, runtime: Runtime, timeout_s: float) -> None:
        self._runtime = runtime
        self._watch = Watch(runtime)
        self._timeout_s = timeout_s

    @property
    def runtime(self) -> Runtime:
        """The run itself: what panels show and send commands to."""
        return self._runtime

    @property
    def state(self) -> State:
        """The state after the last event."""
        return self._runtime.state

    def ready(self, timeout_s: float | None = None) -> None:
        """Wait until the mesh answers and the first observation is there.

        Args:
            timeout_s: Longest wait, in seconds; the lab's own by default.

        Raises:
            LabError: The run could not begin, or it takes longer.
        """
        self._wait(
            lambda state: state.gateway_url is not None and state.observation is not None,
            "The start of the mesh",
            timeout_s,
        )

    def pause(self) -> None:
        """Pause after the phase under way, and wait for that."""
        self._tell(Pause(), "The pause")
        self._wait(lambda state: not state.running and self._rests(state), "The pause")

    def _tell(self, command: Command, what: str) -> None:
        """Send a command once the mesh is there, and wait until it took effect."""
        self.ready()
        self._watch.result(self._runtime.submit(command), self._timeout_s, what)

    def _wait(self, until: Until, what: str, timeout_s: float | None = None) -> None:
        """Wait for something; an interrupt pauses the loop, and the lab lives."""
        try:
            self._watch.wait(until, self._timeout_s if timeout_s is None else timeout_s, what)
        except KeyboardInterrupt:
            self._pause_now()
            raise

    def _pause_now(self) -> None:
        self._runtime.submit(Pause())
        try:
            self._watch.wait(lambda state: not state.running, PAUSE_S, "The pause")
        except LabError:
            # It pauses when it can; the interrupt must not be delayed any longer.
            return

    def _rests(self, state: State) -> bool:
        """Whether nothing happens any more before the next command; a real mesh never rests."""
        can_rest = state.started is not None and state.started.capabilities.can_hold_time
        waits = state.cycle is not None and state.cycle.awaiting_approval
        return not can_rest or state.held or state.running or waits
