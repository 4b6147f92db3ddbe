"""The training that a screen starts: one at a time, in a child process, ended with the screen."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from marskit.domain.training import Stage, TrainingRequest, TrainingState, advance
from marskit.training.child import TrainingChild, TrainingFailed, missing

CLOSE_GRACE_S = 2.0
"""Time that leaving waits for the best policy to be saved, in seconds."""


class Trainer:
    """Runs one training after another and keeps the state of the newest."""

    def __init__(self, arguments: Sequence[str], changed: Callable[[], object]) -> None:
        """Pass these `arguments` to every training, and call `changed` after every update."""
        self.state = (
            TrainingState(Stage.FAILED, reason=sentence) if (sentence := missing()) else TrainingState()
        )
        self.choice = TrainingRequest()
        self._arguments = tuple(arguments)
        self._changed = changed
        self._child: TrainingChild | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        """Tasks of the newest training, and of a previous one whose child has saved but not ended yet."""

    def begin(self, choice: TrainingRequest) -> None:
        """Start a training, unless one is running or training is impossible."""
        if self.state.is_busy or missing():
            return
        self._child = TrainingChild((*choice.arguments, *self._arguments))
        self._tell(TrainingState(Stage.LOADING, choice.algorithm, choice.seed))
        task = asyncio.create_task(self._follow(self._child))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Stop early; the best policy so far is kept."""
        if self._child is not None and self.state.is_busy:
            self._child.stop()
            self._tell(replace(self.state, stage=Stage.STOPPING))

    async def close(self) -> None:
        """End the training together with the screen."""
        if not self._tasks:
            return
        self.stop()
        _, late = await asyncio.wait(self._tasks, timeout=CLOSE_GRACE_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _follow(self, child: TrainingChild) -> None:
        try:
            async with aclosing(child.updates()) as updates:
                async for update in updates:
                    if child is self._child:
                        self._tell(advance(self.state, update))
        except (TrainingFailed, OSError) as error:
            if child is self._child:
                self._tell(replace(self.state, stage=Stage.FAILED, reason=str(error)))

    def _tell(self, state: TrainingState) -> None:
        self.state = state
        self._changed()
