"""Threads that share the meshes out: every mesh once, errors raised, nothing left running."""

from collections import Counter
from threading import Lock

import pytest

from marskit.env.crew import Crew


@pytest.mark.parametrize(("threads", "n"), [(1, 5), (2, 1), (2, 70), (2, 1024), (5, 333)])
def test_every_mesh_is_computed_once(threads: int, n: int) -> None:
    seen: Counter[int] = Counter()
    lock = Lock()

    def note(first: int, last: int) -> None:
        with lock:
            seen.update(range(first, last))

    crew = Crew(threads, n, 32)
    for _ in range(3):
        crew.run(note)
    assert seen == dict.fromkeys(range(n), 3)
    crew.close()


def test_what_a_thread_raises_is_raised_by_run() -> None:
    def fail(first: int, last: int) -> None:
        if last == 1024:
            raise ValueError("the last mesh")

    crew = Crew(2, 1024, 32)
    for _ in range(2):
        with pytest.raises(ValueError, match="the last mesh"):
            crew.run(fail)
    crew.close()


def test_a_closed_crew_says_so() -> None:
    crew = Crew(2, 1024, 32)
    crew.close()
    with pytest.raises(RuntimeError, match="closed"):
        crew.run(lambda first, last: None)
