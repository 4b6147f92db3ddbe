"""A runtime that records commands and tells what a test lets it tell."""

from collections.abc import Callable
from concurrent.futures import Future

from marskit.domain.actions import Action, describe, target
from marskit.domain.commands import Command, CommandError, DryRun
from marskit.domain.events import Event, RunEnded
from marskit.domain.state import State, apply
from tests.tui.scripts import Story

PATCH = """-n marskit-demo --type=json -p '[{"op": "replace", "path": "/spec/http/0", "value": "800ms"}]'"""


class FakeRuntime:
    def __init__(self, story: Story | None = None) -> None:
        self.state = story.state if story else State()
        self.commands: list[Command] = []
        self.previewed: list[Action] = []
        self.sinks: list[Callable[[Event], None]] = []
        self.refuse: str | None = None
        self.stopped = False
        self.stops_cleanly = True

    def subscribe(self, sink: Callable[[Event], None]) -> None:
        self.sinks.append(sink)

    def unsubscribe(self, sink: Callable[[Event], None]) -> None:
        self.sinks.remove(sink)

    def submit(self, command: Command) -> Future[None]:
        self.commands.append(command)
        result: Future[None] = Future()
        if self.refuse is None:
            result.set_result(None)
        else:
            result.set_exception(CommandError(self.refuse))
        return result

    def preview(self, action: Action) -> Future[DryRun]:
        """As the controller would, were the mesh that of the tests' stories."""
        self.previewed.append(action)
        result: Future[DryRun] = Future()
        if self.refuse is not None:
            result.set_exception(CommandError(self.refuse))
            return result
        back = f"kubectl undo '{describe(action)}'"
        # As long as most are.
        lines = [
            f"--- a/{target(action)}",
            f"+++ b/{target(action)}",
            "@@ -14,9 +14,9 @@",
            *["   as it was"] * 8,
        ]
        diff = "\n".join([*lines, f"+  {describe(action)}"])
        result.set_result(DryRun(action, (), f"kubectl '{describe(action)}' {PATCH}", diff, back))
        return result

    def stop(self, timeout_s: float) -> bool:
        self.stopped = True
        if self.state.ended is None:
            self.tell(RunEnded(self.state.now_s, None))
        return self.stops_cleanly

    def tell(self, *events: Event) -> None:
        for event in events:
            self.state = apply(self.state, event)
            for sink in tuple(self.sinks):
                sink(event)
