from dataclasses import replace

import polars as pl
import pytest

from marskit.calibration.fit import fit
from marskit.calibration.starts import Start, recorded_starts
from marskit.calibration.windows import windows
from marskit.knowledge.read.fault_free_windows import apart, quiet
from marskit.knowledge.read.runs import StoredRun
from tests.calibration.recorded import LEAD_S, demo_model, record


@pytest.fixture(scope="module")
def run() -> StoredRun:
    return record(
        demo_model(),
        scenario="spike",
        seed=1,
        cycles=20,
        scales=[(12.0, "payments", 4), (30.0, "payments", 3)],
    )


def test_windows_do_not_overlap_and_leave_out_the_beginning(run: StoredRun) -> None:
    found = windows([run]).workloads.select("at_s", "window_s").unique().sort("at_s")
    ends, lengths = found["at_s"].to_list(), found["window_s"].to_list()
    assert len(ends) >= 8
    assert ends[0] - lengths[0] >= LEAD_S + 2.0
    assert all(
        end - length >= before for before, end, length in zip(ends, ends[1:], lengths[1:], strict=False)
    )


def test_a_window_in_which_replicas_change_is_not_steady(run: StoredRun) -> None:
    frame = windows([run]).workloads
    payments = frame.filter(pl.col("workload") == "payments")
    for at_s, window_s, steady in payments.select("at_s", "window_s", "steady").iter_rows():
        touched = any(at_s - window_s - 2.0 <= scaled_s <= at_s for scaled_s in (12.0, 30.0))
        assert steady is not touched, at_s
    assert frame.filter(pl.col("workload") == "orders")["steady"].all()


def test_a_start_is_timed_by_its_execution_or_else_by_what_the_cycles_show(run: StoredRun) -> None:
    # Two replicas: each has one other beside it.
    assert recorded_starts([run]) == (Start("payments", 0.6, 1),)
    silent = replace(
        run,
        records=tuple(
            replace(
                each,
                cycle=replace(
                    each.cycle,
                    executions=tuple(replace(e, effective_after_ms=None) for e in each.cycle.executions),
                ),
            )
            for each in run.records
        ),
    )
    # Decided at 12 s, ready 0.6 s later, first seen at 13 s: the middle of that.
    assert recorded_starts([silent]) == (Start("payments", 0.5, 1),)


def test_scale_ups_of_one_moment_start_side_by_side() -> None:
    run = record(
        demo_model(),
        scenario="steady",
        seed=1,
        cycles=12,
        scales=[(12.0, "payments", 4), (12.01, "orders", 3), (14.0, "orders", 4), (14.0, "payments", 3)],
    )
    assert [(start.workload, start.others) for start in recorded_starts([run])] == [
        ("payments", 2),
        ("orders", 2),
        ("orders", 0),
    ]


def test_starts_that_were_never_alone_are_as_uncertain_as_what_slowed_them() -> None:
    # 0.38 s each, alone; by what they slow each other nothing tells, so 0.6 s is only the most it can be.
    crowded = [Start(name, 0.6 + 0.01 * n, 1) for n in range(4) for name in ("orders", "payments")]
    seen = windows([record(demo_model(), scenario="steady", seed=1, cycles=8)])
    found = fit(demo_model(), seen, crowded)
    assert any("Slowdown of simultaneous starts" in sentence for sentence in found.untold)
    start = found.card.stations["payments"].start_s
    assert start is not None
    assert start.value == pytest.approx(0.615)
    assert start.stderr > (start.value - 0.38) / 3
    by_themselves = [replace(each, others=0) for each in crowded]
    alone = fit(demo_model(), seen, by_themselves).card.stations["payments"].start_s
    assert alone is not None
    assert alone.stderr < 0.02


def test_windows_can_be_taken_apart_by_run_and_by_time(run: StoredRun) -> None:
    other = replace(run, started=replace(run.started, run="other"))
    both = windows([run, other])
    alone = windows([run])
    assert both.without("other").edges.equals(alone.edges)
    early = alone.before(20.0)
    assert early.edges["at_s"].max() == max(
        record.cycle.observation.at_s
        for record in apart(quiet(run.records))
        if record.cycle.observation.at_s <= 20
    )
