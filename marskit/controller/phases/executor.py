"""Everything that is written to the mesh, each action with its number."""

import asyncio
from collections.abc import Callable, Sequence

from marskit.controller.bus import Bus
from marskit.domain.actions import Action
from marskit.domain.commands import CommandError
from marskit.domain.events import Executed
from marskit.domain.records import Execution, Mode, Origin, Outcome
from marskit.mapek.execute.execute import ALREADY_SO, execute, withhold
from marskit.mesh.port import Mesh
from marskit.timing.clock import Clock


class Writer:
    """Carries out actions in the order they came, and knows which of them can be undone."""

    def __init__(self, mesh: Mesh, bus: Bus, clock: Clock, on_written: Callable[[Execution], None]) -> None:
        self._mesh = mesh
        self._bus = bus
        self._clock = clock
        self._on_written = on_written
        self._writing = asyncio.Lock()
        self._last_id = 0
        self._undoes: dict[int, int] = {}
        self._undone: set[int] = set()

    async def write(self, action: Action, origin: Origin, *, undoes: int | None = None) -> Execution:
        """Execute the action and publish how it ended.

        Args:
            action: What to write.
            origin: Who wants it.
            undoes: The execution that this takes back, where it does.
        """
        (done,) = await self.write_together((action,), origin, undoes=(undoes,))
        return done

    async def write_together(
        self, actions: Sequence[Action], origin: Origin, *, undoes: Sequence[int | None]
    ) -> tuple[Execution, ...]:
        """Execute actions that do not touch each other at once; see `write`.

        New replicas take most of a control period: waiting for one workload's before asking for another's
        would make every rush longer.
        """
        async with self._writing:
            done = await self._write(actions, origin)
            for execution, undone in zip(done, undoes, strict=True):
                if undone is not None:
                    self._note_undone(execution, undone)
            return done

    async def withhold(self, action: Action, origin: Origin, reason: str) -> Execution:
        """Publish what executing the action would have been."""
        async with self._writing:
            return self._withhold(action, origin, reason)

    async def undo(self, execution: int | None) -> Execution:
        """Execute the inverse of that execution, or of the newest one that is still in force.

        Without a number, undoing walks back through what planner, persons and the guard did; with one, an
        undo itself can be undone, and what it took back is in force again.

        Raises:
            CommandError: There is nothing to undo.
        """
        async with self._writing:
            # Looked up in its turn: what is being written now may be what has to be undone.
            undone = self._in_force(execution)
            assert undone.inverse is not None
            (done,) = await self._write((undone.inverse,), Origin.UNDO)
            self._note_undone(done, undone.id)
            return done

    def is_undone(self, execution: int) -> bool:
        """Whether that execution was taken back."""
        return execution in self._undone

    def _note_undone(self, done: Execution, undone: int) -> None:
        if done.outcome is Outcome.APPLIED:
            self._undoes[done.id] = undone
        if done.outcome is Outcome.APPLIED or done.reason == ALREADY_SO:
            self._take_back(undone)

    async def _write(self, actions: Sequence[Action], origin: Origin) -> tuple[Execution, ...]:
        if self._bus.state.mode is Mode.FREEZE:
            # It changed while these actions waited for their turn.
            return tuple(self._withhold(action, origin, "the mode changed to freeze") for action in actions)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    execute(self._mesh, action, id=self._next_id(), origin=origin, clock=self._clock)
                )
                for action in actions
            ]
        return tuple(self._publish(task.result()) for task in tasks)

    def _withhold(self, action: Action, origin: Origin, reason: str) -> Execution:
        at_s = self._clock.now()
        return self._publish(
            withhold(self._mesh, action, id=self._next_id(), origin=origin, at_s=at_s, reason=reason)
        )

    def _take_back(self, number: int) -> None:
        """Mark it as undone; if it was an undo itself, what it undid changes sides as well, and so on."""
        undone = True
        while True:
            (self._undone.add if undone else self._undone.discard)(number)
            if number not in self._undoes:
                return
            number, undone = self._undoes[number], not undone

    def _in_force(self, number: int | None) -> Execution:
        in_force = {
            execution.id: execution
            for execution in self._bus.state.executions
            # An unknown outcome may have landed.
            if execution.outcome in (Outcome.APPLIED, Outcome.UNKNOWN)
            and execution.inverse is not None
            and execution.id not in self._undone
        }
        if number is None:
            # Where the guard took something back, that is undone already.
            theirs = [
                e for e in in_force.values() if e.origin is not Origin.UNDO and e.id not in self._undoes
            ]
            if not theirs:
                raise CommandError("There is nothing to undo: no action is in force.")
            return theirs[-1]
        if number in self._undone:
            raise CommandError(f"Execution {number} is already undone.")
        if number not in in_force:
            raise CommandError(f"There is nothing to undo: no execution {number} is in force.")
        return in_force[number]

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _publish(self, execution: Execution) -> Execution:
        self._on_written(execution)
        self._bus.publish(Executed(execution, self._mesh.configuration))
        return execution
