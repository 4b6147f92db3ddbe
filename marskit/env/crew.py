"""Threads that compute the meshes together; compiled code holds no lock that keeps them apart."""

import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread

Task = Callable[[int, int], None]
"""Computes the meshes from the first to before the last."""


class Crew:
    """The calling thread and `threads` - 1 others, which take chunk after chunk, the large ones first.

    Whoever is late, because it had to be woken or shares its core with other programs, takes fewer of them.
    """

    def __init__(self, threads: int, n: int, block: int) -> None:
        """Start the threads.

        Args:
            threads: At least one.
            n: How many meshes there are.
            block: How many are computed side by side; no chunk but the last has a part of a block.
        """
        self._chunks = _chunks(threads, n, block)
        self._tasks: SimpleQueue[tuple[Task, Iterator[tuple[int, int]]] | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        # More of them than chunks would find nothing to do.
        self._others = min(threads, len(self._chunks)) - 1
        for _ in range(self._others):
            Thread(target=_work, args=(self._tasks, self._done), name="meshes", daemon=True).start()
        self.close = weakref.finalize(self, _stop, self._tasks, self._others)
        """End the threads; they also end with the crew."""

    def run(self, task: Task) -> None:
        """Do the task for all meshes; what it raises in one of the threads is raised here.

        Raises:
            RuntimeError: The crew was closed.
        """
        if not self.close.alive:
            raise RuntimeError("the environment is closed")
        # Taking the next of an iterator is one operation under the interpreter's lock.
        left = iter(self._chunks)
        for _ in range(self._others):
            self._tasks.put((task, left))
        raised = [_do(task, left), *(self._done.get() for _ in range(self._others))]
        for each in raised:
            if each is not None:
                raise each


def _chunks(threads: int, n: int, block: int) -> list[tuple[int, int]]:
    """Each a good part of what is left, so that all are done at about the same time."""
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
        # Nothing of an environment may be held here while there is nothing to do.
        del given
        done.put(result)
        del result


def _stop(tasks: "SimpleQueue[tuple[Task, Iterator[tuple[int, int]]] | None]", others: int) -> None:
    for _ in range(others):
        tasks.put(None)
