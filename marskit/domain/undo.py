"""Which executions are in force: what an undo takes back, and what it has taken back already."""

from collections.abc import Iterable

from marskit.domain.records import ALREADY_SO, Execution, Origin, Outcome


def undone(executions: Iterable[Execution]) -> frozenset[int]:
    """The executions that were taken back.

    An undo that is itself undone puts its action in force again, and so on.
    """
    undoes: dict[int, int] = {}
    gone: set[int] = set()
    for execution in executions:
        if execution.undoes is None:
            continue
        if execution.outcome is Outcome.APPLIED:
            undoes[execution.id] = execution.undoes
        if execution.outcome is Outcome.APPLIED or execution.reason == ALREADY_SO:
            number, is_gone = execution.undoes, True
            while True:
                (gone.add if is_gone else gone.discard)(number)
                if number not in undoes:
                    break
                number, is_gone = undoes[number], not is_gone
    return frozenset(gone)


def in_force(executions: Iterable[Execution]) -> tuple[Execution, ...]:
    """The executions that can be undone, in their order."""
    executions = tuple(executions)
    gone = undone(executions)
    return tuple(
        execution
        for execution in executions
        # An action with an unknown outcome may have been applied.
        if execution.outcome in (Outcome.APPLIED, Outcome.UNKNOWN)
        and execution.inverse is not None
        and execution.id not in gone
    )


def next_undo(executions: Iterable[Execution]) -> Execution | None:
    """What an undo without a number takes back: the newest action in force that takes nothing back itself."""
    return next(
        (
            execution
            for execution in reversed(in_force(executions))
            if execution.origin is not Origin.UNDO
            and (execution.undoes is None or execution.outcome is not Outcome.APPLIED)
        ),
        None,
    )
