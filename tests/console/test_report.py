import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from marskit.console.report import report_lines, runs_lines
from marskit.domain.events import FaultInjected
from marskit.domain.faults import KillReplica
from marskit.domain.load import ClientCounts, RequestFailure
from marskit.domain.observation import MeshCounts
from marskit.domain.similar import Similar
from marskit.knowledge.read.runs import list_runs, load_run
from tests.knowledge.cycles import cycle, effect
from tests.knowledge.test_parquet import store

HEADS = "run scenario planner seed cycles violated min replica-min failed actions"


def written(lines: object) -> list[str]:
    out = io.StringIO()
    for line in lines:  # type: ignore[attr-defined] # an iterator of Text
        Console(file=out, width=300).print(line, soft_wrap=True, highlight=False)
    return [line.rstrip() for line in out.getvalue().splitlines()]


async def test_the_story_of_a_run(tmp_path: Path) -> None:
    cycles = [
        cycle(1),
        cycle(2),
        cycle(3, met=False, failures_per_s=2.0, act=True),
        cycle(4, met=False, payments=3),
        cycle(5, met=False, payments=3),
        replace(cycle(6, payments=3), effects=(effect(3),)),
        cycle(7, payments=3),
    ]
    run = await store(tmp_path, cycles, {3: (FaultInjected(5.0, KillReplica("payments")),)})
    without_end = "✖ The record has no end: the run was killed, or its end could not be recorded."
    first, *lines = written(report_lines(load_run(tmp_path, run), width=100))
    assert first == without_end
    assert lines[0] == (
        f"run {run}: spike (Three times the rate for a while) on the fake mesh, planner threshold, "
        "mode auto, seed 7, a cycle every 2 s"
    )
    assert lines[3:8] == [
        "load      ███████  20 req/s max",
        "p95       ▂▂███▂▂  412 ms max",
        "failures  ▁▁█▁▁▁▁  2.0 req/s max",
        "replicas  ▇▇▇████  8 to 9",
        "SLO       ··×××··  × violated",
    ]
    assert lines[9] == "00:02 to 00:04: 2 cycles without a violation"
    assert lines[11] == (
        "00:06 to 00:10: SLO violated for 6 s (0.10 scenario minutes), p95 up to 412 ms, 4 requests failed"
    )
    assert lines[13:19] == [
        "        00:05  fault injected by a person: kill a replica of payments",
        "    3   00:06                 20/20    412 ms (100)      10 %  VIOLATED     8/8  SLO violated.",
        "               plan   payments is the bottleneck",
        "               action 3: scale payments to 3, applied (effective after 40 ms)",
        "                      $ kubectl scale deployment/payments --replicas=3",
        "    5   00:10                 20/20    412 ms (100)       0 %  VIOLATED     9/9  SLO violated.",
    ]
    assert lines[20] == "00:12 to 00:14: 2 cycles without a violation"
    assert "               effect of action 3: p95 of orders fell from 412 to 60 ms." in lines
    assert lines[-6:] == [
        "7 cycles over 17 s",
        "  SLO-violation minutes  0.10 scenario minutes, any service (6 s of mesh time)",
        "  replica-minutes        2.4",
        "  failed requests        4",
        "  actions                1",
        "  SLO at the end         met",
    ]


@pytest.mark.parametrize(
    ("client", "mesh", "why"),
    [
        (ClientCounts(100, 100), MeshCounts(100), None),
        (
            ClientCounts(100, 60, ((RequestFailure.REFUSED, 10), (RequestFailure.STATUS_4XX, 30))),
            MeshCounts(52, unrouted=30, resets=1),
            "48 more than the mesh: 30 answered by the gateway itself, 10 without an answer, "
            "8 answered just before the mesh's counters began at 0 again (1 time)",
        ),
        (ClientCounts(100, 100), MeshCounts(90), "10 more than the mesh: 10 not explained"),
        (ClientCounts(100, 100), MeshCounts(110), "10 fewer than the mesh: retries or other clients"),
    ],
)  # fmt: skip
async def test_a_difference_between_clients_and_mesh_is_accounted_for(
    tmp_path: Path, client: ClientCounts, mesh: MeshCounts, why: str | None
) -> None:
    cycles = [replace(cycle(1), client=client, entered=mesh)]
    run = await store(tmp_path, cycles)
    lines = written(report_lines(load_run(tmp_path, run), width=100))
    apart = [line.strip() for line in lines if "clients counted" in line]
    assert apart == ([f"clients counted {why}"] if why else [])


async def test_plans_that_changed_something_are_told_with_what_was_like_it(tmp_path: Path) -> None:
    similar = Similar("20260313-164010", 22, 0.31, (), 16.0, 20.0, 0.0, 10)
    cycles = [
        replace(each, plan=replace(each.plan, similar=(similar,)))
        for each in (cycle(1, met=False), cycle(2, met=False, act=True))
    ]
    run = await store(tmp_path, cycles)
    lines = written(report_lines(load_run(tmp_path, run), width=100))
    (at,) = [at for at, line in enumerate(lines) if line.lstrip().startswith("like ")]
    assert lines[at] == (
        "               like   distance 0.31 (robust sigma), run 20260313-164010 cycle 22: no action; "
        "no violation in the next 10 cycles, utility +16 → +20 per second."
    )
    assert lines[at - 1] == "               plan   payments is the bottleneck"


async def test_a_long_run_fits_the_width(tmp_path: Path) -> None:
    run = await store(tmp_path, [cycle(number, met=number != 77) for number in range(1, 101)])
    lines = written(report_lines(load_run(tmp_path, run), width=80))
    (marks,) = [line for line in lines if line.startswith("SLO ")]
    assert "×" in marks
    assert all(len(line) <= 80 for line in lines[4:9])


async def test_a_run_without_cycles_says_so(tmp_path: Path) -> None:
    run = await store(tmp_path, [])
    assert written(report_lines(load_run(tmp_path, run), width=80))[-1] == "No cycles were recorded."


async def test_the_list_of_runs(tmp_path: Path) -> None:
    run = await store(tmp_path, [cycle(1), cycle(2, met=False, act=True)])
    heads, row = written(runs_lines(list_runs(tmp_path).runs))
    assert " ".join(heads.split()) == HEADS
    assert row.split() == [run, "spike", "threshold", "7", "2", "0.03", "0.9", "0", "1", "cut"]
