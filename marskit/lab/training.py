"""A training in a process of its own, followed from a notebook or a script."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from math import inf
from pathlib import Path
from threading import Lock
from typing import Literal

from marskit.domain.training import Stage, TrainingState, Update, advance
from marskit.lab.inputs import LabError
from marskit.pictures.bundle import Bundle, of_document
from marskit.pictures.series import plots_svg
from marskit.system.worker import Worker
from marskit.training.child import TrainingChild, TrainingFailed, missing
from marskit.views.document import Sentence, Table
from marskit.views.training import COLUMNS, EXPLANATION, learning_plot, training_view

Sink = Callable[[TrainingState], None]


class Training:
    """One training; it goes on while the notebook or script does other things, and ends with it."""

    def __init__(self, arguments: tuple[str, ...], algorithm: str, seed: int) -> None:
        """Start it with the arguments of `marskit.training`."""
        self._lock = Lock()
        self._sinks: tuple[Sink, ...] = ()
        self._state = TrainingState(Stage.LOADING, algorithm, seed)
        self._child = TrainingChild(arguments)
        self._worker = Worker(self._follow, "marskit-training")

    @property
    def state(self) -> TrainingState:
        """Its progress and its evaluations so far."""
        return self._state

    @property
    def policy(self) -> str | None:
        """The policy file, which can be given as a planner; None while there is none."""
        return self._state.saved.saved if self._state.saved else None

    def subscribe(self, sink: Sink) -> None:
        """Send every later state to `sink`, on the training's own thread."""
        with self._lock:
            self._sinks = (*self._sinks, sink)

    def unsubscribe(self, sink: Sink) -> None:
        """Send no more states to `sink`."""
        with self._lock:
            self._sinks = tuple(each for each in self._sinks if each != sink)

    def stop(self) -> None:
        """End it early, without waiting: the best policy so far is saved."""
        self._worker.call(self._stop)

    def wait(self, timeout_s: float | None = None) -> TrainingState:
        """Wait for its end; an interrupt ends only the wait.

        Raises:
            LabError: It failed, or takes longer.
        """
        try:
            self._worker.wait(timeout_s)
        except TimeoutError:
            raise LabError(f"The training takes longer than {timeout_s:g} s; it goes on.") from None
        except TrainingFailed as failed:
            raise LabError(str(failed)) from failed
        return self._state

    def close(self) -> None:
        """End it at once; what it has not saved is lost. Idempotent."""
        self._worker.end()

    def _stop(self) -> None:
        self._child.stop()
        if self._state.is_busy:
            self._become(replace(self._state, stage=Stage.STOPPING))

    async def _follow(self) -> None:
        try:
            async with aclosing(self._child.updates()) as updates:
                async for update in updates:
                    self._take(update)
        except TrainingFailed as failed:
            self._become(replace(self._state, stage=Stage.FAILED, reason=str(failed)))
            raise

    def _take(self, update: Update) -> None:
        self._become(advance(self._state, update))

    def _become(self, state: TrainingState) -> None:
        self._state = state
        for sink in self._sinks:
            sink(state)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        view = training_view(self._state)
        plot = learning_plot(view)
        blocks = (Sentence(view.sentence, view.tone),)
        if not view.rows or plot is None:
            return of_document(blocks)
        table = Table(COLUMNS, view.rows)
        return of_document((*blocks, table, Sentence(EXPLANATION)), plots_svg((plot,), plot.title))


def train(
    algorithm: Literal["ppo", "sac"] = "ppo",
    *,
    seconds: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    settings: str | Path | None = None,
) -> Training:
    """Train a policy in the twin, in a process of its own; returns at once. Needs the extra `rl`.

    Args:
        algorithm: `ppo` or `sac`.
        seconds: Stop after that much time.
        steps: Stop after that many steps, which repeats for a given seed.
        seed: Seed of everything random.
        out: The policy file; by default `ALGORITHM.npz` in the current folder.
        resume: A policy file whose weights it begins with.
        settings: Changes to the shipped settings (TOML).

    Raises:
        LabError: An argument cannot be used, or the extra is not installed.
    """
    if (sentence := missing()) is not None:
        raise LabError(sentence)
    if algorithm not in ("ppo", "sac"):
        raise LabError(f"Unknown algorithm {algorithm!r}; choose ppo or sac.")
    for name, value in (("seconds", seconds), ("steps", steps)):
        if value is not None and not 0 < value < inf:
            raise LabError(f"The number of {name} is {value:g}; it must be finite and above 0.")
    if not 0 <= seed < 2**32:
        raise LabError(f"The seed is {seed}; for a training it must be from 0 to {2**32 - 1}.")
    options = {
        "--algorithm": algorithm,
        "--seconds": seconds,
        "--steps": steps,
        "--seed": seed,
        "--out": Path(out or f"{algorithm}.npz").absolute(),
        "--resume": resume,
        "--settings": settings,
    }
    given = (part for name, value in options.items() if value is not None for part in (name, str(value)))
    return Training(tuple(given), algorithm, seed)
