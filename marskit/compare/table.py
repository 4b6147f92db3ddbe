"""The headline figures of a comparison as a table that every front end draws."""

from marskit.compare.summary import Summary
from marskit.statistics import Estimate
from marskit.views.document import Cell, Table

NOTE = "A violation minute is one in which a service that users call violated its SLO."


def table_title(summary: Summary) -> str:
    """How many runs there were, and what the figures are."""
    bound = "; ◇ bound, not a competitor" if any(p.is_bound for p in summary.planners) else ""
    return (
        f"{len(summary.scenarios)} scenarios × {len(summary.seeds)} seeds, identical arrivals "
        f"(interquartile mean, 95 % interval; * Pareto front{bound})"
    )


def summary_table(summary: Summary, between: str = "\n") -> Table:
    """A row for each planner; each cell has the estimate, then its interval after `between`."""
    against = f"± {summary.baseline}"

    def cell(value: Estimate, digits: int) -> Cell:
        return Cell(f"{value.value:.{digits}f}{between}{value.low:.{digits}f}…{value.high:.{digits}f}")

    return Table(
        (
            "planner",
            "violation min",
            against,
            "replica-min",
            against,
            "failed",
            "in the mesh",
            "actions",
            "utility/s",
        ),
        tuple(
            (
                Cell(f"{p.planner}{' *' if p.is_on_front else ' ◇' if p.is_bound else ''}"),
                cell(p.violation_minutes, 2),
                cell(p.violations_against, 2),
                cell(p.replica_minutes, 1),
                cell(p.replicas_against, 1),
                cell(p.failed_requests, 0),
                cell(p.mesh_failures, 0),
                cell(p.actions, 1),
                cell(p.utility_per_s, 2),
            )
            for p in summary.planners
        ),
    )
