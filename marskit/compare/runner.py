"""Runs the jobs of a comparison: twins side by side in child processes, real meshes one by one."""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from os import _exit, cpu_count
from threading import Thread

from marskit.compare.jobs import Failed, Job, Measured, run

Tell = Callable[[Job, Measured | Failed], None]


def run_all(jobs: Sequence[Job], tell: Tell) -> tuple[Measured | Failed, ...]:
    """Run every job and call `tell` when each one ends; the results are in the order of the jobs.

    A failed job is a result like the others. An interrupt ends all processes and is raised.
    """
    if not jobs or not jobs[0].settings.is_simulated:
        return tuple(_reported(job, _run(job), tell) for job in jobs)
    workers = min(len(jobs), cpu_count() or 1)
    results: dict[int, Measured | Failed] = {}
    # Spawned: a forked process would share the locks of threads that it does not have.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_serve)
    try:
        pending = {pool.submit(_run, job): n for n, job in enumerate(jobs)}
        for future in as_completed(pending):
            n = pending[future]
            results[n] = _reported(jobs[n], future.result(), tell)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return tuple(results[n] for n in range(len(jobs)))


def _serve() -> None:
    """Leave interrupts to the parent, and end with it, because a pool process would not notice its death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent,), name="end with parent", daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    # Not `sys.exit`, which would end only this thread.
    _exit(1)


def _run(job: Job) -> Measured | Failed:
    try:
        return run(job)
    except Exception as error:
        return Failed(job, f"{type(error).__name__}: {error}")


def _reported(job: Job, result: Measured | Failed, tell: Tell) -> Measured | Failed:
    tell(job, result)
    return result
