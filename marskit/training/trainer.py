"""The training that the screen starts: one at a time, in a child process, and ended with the screen."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from marskit.domain.training import Stage, TrainingState, advance
from marskit.training.child import TrainingChild, TrainingFailed, missing

CLOSE_GRACE_S = 2.0
"""How long leaving waits for the best policy to be saved."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What a person chose to be trained."""

    algorithm: str = "ppo"
    seed: int = 0
    seconds: int = 60
    goes_on: bool = False
    """Whether it begins with the weights in the file that it will be saved as."""

    @property
    def out(self) -> str:
        """The policy file, in the folder that the program was started in."""
        return f"{self.algorithm}-{self.seed}.npz"

    @property
    def arguments(self) -> tuple[str, ...]:
        """Those of `marskit.training`."""
        resume = ("--resume", self.out) if self.goes_on else ()
        chosen = {"--algorithm": self.algorithm, "--seed": self.seed, "--seconds": self.seconds}
        return (
            *(part for name, value in chosen.items() for part in (name, str(value))),
            *("--out", self.out, *resume),
        )


class Trainer:
    """Runs one training after the other and keeps what is known of the newest."""

    def __init__(self, arguments: Sequence[str], changed: Callable[[], object]) -> None:
        """Give every training these `arguments` besides its own, and call `changed` when there is news."""
        self.state = (
            TrainingState(Stage.FAILED, reason=sentence) if (sentence := missing()) else TrainingState()
        )
        self.choice = TrainingRequest()
        self._arguments = tuple(arguments)
        self._changed = changed
        self._child: TrainingChild | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        """Of the newest training, and of one before it whose child has saved and not ended yet."""

    def begin(self, choice: TrainingRequest) -> None:
        """Start a training, unless one is under way or nothing can be trained."""
        if self.state.is_busy or missing():
            return
        self._child = TrainingChild((*choice.arguments, *self._arguments))
        self._tell(TrainingState(Stage.LOADING, choice.algorithm, choice.seed))
        task = asyncio.create_task(self._follow(self._child))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """End it early; the best policy so far is kept."""
        if self._child is not None and self.state.is_busy:
            self._child.stop()
            self._tell(replace(self.state, stage=Stage.STOPPING))

    async def close(self) -> None:
        """End it with the screen."""
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
