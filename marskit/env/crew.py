"""Threads that compute the meshes together; compiled code does not hold the interpreter's lock."""

import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread

Task = Callable[[int, int], None]
"""Computes the meshes from the first up to, but without, the last."""


class Crew:
    """The calling thread and `threads` - 1 others, which take chunk after chunk, the large ones first.

    A thread that is late, because it was asleep or shares its core with other programs, takes fewer chunks.
    """

    def __init__(self, threads: int, n: int, block: int) -> None:
        """Start the threads.

        Args:
            threads: At least one.
            n: Number of meshes.
            block: Number of meshes computed side by side; only the last chunk may contain a part of a block.
        """
        self._chunks = _chunks(threads, n, block)
        self._tasks: SimpleQueue[tuple[Task, Iterator[tuple[int, int]]] | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        # More threads than chunks would be idle.
        self._others = min(threads, len(self._chunks)) - 1
        for _ in range(self._others):
            Thread(target=_work, args=(self._tasks, self._done), name="meshes", daemon=True).start()
        self.close = weakref.finalize(self, _stop, self._tasks, self._others)
        """End the threads; they also end with the crew."""

    def run(self, task: Task) -> None:
        """Do the task for all meshes; exceptions of any thread are raised here.

        Raises:
            RuntimeError: The crew is closed.
        """
        if not self.close.alive:
            raise RuntimeError("the environment is closed")
        # Taking the next item of an iterator is atomic under the interpreter's lock.
        left = iter(self._chunks)
        for _ in range(self._others):
            self._tasks.put((task, left))
        raised = [_do(task, left), *(self._done.get() for _ in range(self._others))]
        for each in raised:
            if each is not None:
                raise each


def _chunks(threads: int, n: int, block: int) -> list[tuple[int, int]]:
    """Chunks of decreasing size, so that all threads finish at about the same time."""
    chunks, first = [], 0
    while first < n:
        size = max(1, round((n - first) / (2 * threads * block))) * block
        chunks.append((first, min(n, first + size)))
        first += size
    return chunks


def _do(task: Task, left: Iterator[tuple[int, int]]) -> BaseException | None:
    try:
        for first, last in left:
            task(first, last)
    except BaseException as raised:  # handed to the calling thread, which raises it
        return raised
    return None


def _work(
    tasks: "SimpleQueue[tuple[Task, Iterator[tuple[int, int]]] | None]",
    done: "SimpleQueue[BaseException | None]",
) -> None:
    while (given := tasks.get()) is not None:
        result = _do(*given)
        # An idle thread must not keep references to an environment.
        del given
        done.put(result)
        del result


def _stop(tasks: "SimpleQueue[tuple[Task, Iterator[tuple[int, int]]] | None]", others: int) -> None:
    for _ in range(others):
        tasks.put(None)
