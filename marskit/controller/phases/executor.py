"""Every write to the mesh, with numbered actions."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from marskit.controller.bus import Bus
from marskit.domain.actions import Action, target
from marskit.domain.commands import CommandError
from marskit.domain.events import ConfigurationChanged, Event
from marskit.domain.loop_events import Executed
from marskit.domain.records import Execution, Mode, Origin
from marskit.domain.undo import in_force, next_undo, undone
from marskit.mapek.execute.execute import execute, withhold
from marskit.mesh.port import Mesh
from marskit.text import clock
from marskit.timing.clock import Clock


class ActionWriter:
    """Carries out actions in the order they arrive, and knows which can be undone."""

    def __init__(self, mesh: Mesh, bus: Bus, clock: Clock, on_written: Callable[[Execution], None]) -> None:
        self._mesh = mesh
        self._bus = bus
        self._clock = clock
        self._on_written = on_written
        self._writing = asyncio.Lock()
        self._last_id = 0
        self._by_others: list[tuple[ConfigurationChanged, int]] = []
        """What others changed, and the last execution before it."""
        bus.subscribe(self._note)

    async def write(self, action: Action, origin: Origin, *, undoes: int | None = None) -> Execution:
        """Execute the action and publish its outcome.

        Args:
            action: The action to write.
            origin: Who requested it.
            undoes: The execution that this one undoes, if any.
        """
        (done,) = await self.write_together((action,), origin, undoes=(undoes,))
        return done

    async def write_together(
        self, actions: Sequence[Action], origin: Origin, *, undoes: Sequence[int | None]
    ) -> tuple[Execution, ...]:
        """Execute independent actions at the same time; see `write`.

        New replicas take most of a control period to start: scaling one workload after another would
        prolong every overload.
        """
        async with self._writing:
            return await self._write(actions, origin, undoes)

    async def withhold(self, action: Action, origin: Origin, reason: str) -> Execution:
        """Publish the execution that the action would have been."""
        async with self._writing:
            return self._withhold(action, origin, reason)

    async def undo(self, execution: int | None) -> Execution:
        """Execute the inverse of that execution, or of the newest one that is still in force.

        Without a number, undo walks back through the actions of planners, persons and rollbacks; with one, an
        undo itself can be undone, which puts its action in force again.

        Raises:
            CommandError: There is nothing to undo.
        """
        async with self._writing:
            # Looked up when its turn comes: the action being written now may be the one to undo.
            taken_back = self._in_force(execution)
            self._refuse_if_changed_since(taken_back)
            assert taken_back.inverse is not None
            (done,) = await self._write((taken_back.inverse,), Origin.UNDO, (taken_back.id,))
            return done

    def is_undone(self, execution: int) -> bool:
        """Whether that execution was undone."""
        return execution in undone(self._bus.state.executions)

    async def _write(
        self, actions: Sequence[Action], origin: Origin, undoes: Sequence[int | None]
    ) -> tuple[Execution, ...]:
        if self._bus.state.mode is Mode.FREEZE:
            # The mode changed while these actions waited for their turn.
            return tuple(self._withhold(action, origin, "the mode changed to freeze") for action in actions)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    execute(self._mesh, action, id=self._next_id(), origin=origin, clock=self._clock)
                )
                for action in actions
            ]
        return tuple(
            self._publish(replace(task.result(), undoes=number))
            for task, number in zip(tasks, undoes, strict=True)
        )

    def _withhold(self, action: Action, origin: Origin, reason: str) -> Execution:
        at_s = self._clock.now()
        return self._publish(
            withhold(self._mesh, action, id=self._next_id(), origin=origin, at_s=at_s, reason=reason)
        )

    def _in_force(self, number: int | None) -> Execution:
        executions = self._bus.state.executions
        if number is None:
            newest = next_undo(executions)
            if newest is None:
                raise CommandError("Nothing to undo: no action is in force.")
            return newest
        if self.is_undone(number):
            raise CommandError(f"Execution {number} is already undone.")
        found = next((each for each in in_force(executions) if each.id == number), None)
        if found is None:
            raise CommandError(f"Nothing to undo: execution {number} is not in force.")
        return found

    def _note(self, event: Event) -> None:
        if isinstance(event, ConfigurationChanged):
            self._by_others.append((event, self._last_id))

    def _refuse_if_changed_since(self, undone: Execution) -> None:
        """An inverse would also take back what somebody else has done to the same object."""
        what = target(undone.action)
        for event, last_id in self._by_others:
            if undone.id <= last_id and (not event.targets or what in event.targets):
                raise CommandError(
                    f"Execution {undone.id} cannot be undone: others changed {what} since then, "
                    f"at {clock(event.at_s)}; change it directly."
                )

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _publish(self, execution: Execution) -> Execution:
        self._on_written(execution)
        self._bus.publish(Executed(execution, self._mesh.configuration))
        return execution
