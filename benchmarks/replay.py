"""How long a recording of 2,000 cycles takes to load, what room it needs, and how long a jump in it takes.

`python -m benchmarks.replay [CYCLES]`. The run is made on the twin first, which takes a minute or two.
"""

import asyncio
import gc
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.report import Figure, show, spread
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import find_run
from marskit.replay.fingerprint import Fingerprints
from marskit.replay.timeline import Timeline
from marskit.tui.replay_app import ReplayApp
from tests.replay.runs import twin_run

CYCLES = 2000
JUMPS = 2000
DRAWN = 300
BAR_MS = 100.0


def main() -> int:
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else CYCLES
    with tempfile.TemporaryDirectory(prefix="marskit-bench-") as folder:
        runs = Path(folder)
        live = twin_run(
            runs,
            cycles=cycles,
            look=Fingerprints().of,
            engine="fast",
            scenario="rush-hours",
            seed=3,
            preview=False,
        ).seen
        size_mb = sum(file.stat().st_size for file in runs.rglob("*") if file.is_file()) / 1e6
        gc.collect()
        began_s, cpu_s = time.monotonic(), time.process_time()
        recording = load_recording(runs, find_run(runs, "last"))
        read_s, read_cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
        began_s, cpu_s = time.monotonic(), time.process_time()
        timeline = Timeline(recording.events)
        fold_s, fold_cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
        room = _room_mb(runs)
    equal = sum(timeline.hash_at(step) == live[step - 1] for step in range(1, len(timeline) + 1))
    steps = Random(1).choices(range(len(timeline) + 1), k=JUMPS)
    jumps_ms = [_timed_ms(partial(timeline.hash_at, step)) for step in steps]
    drawn_ms = asyncio.run(_drawn_ms(timeline, steps[:DRAWN]))
    return show(
        f"a recording of {cycles:,} cycles, {len(timeline):,} events, {size_mb:.1f} MB on disk",
        [
            Figure("read", f"{read_s:.1f} s ({read_cpu_s:.1f} s of CPU)", "", None),
            Figure("fold and hash", f"{fold_s:.1f} s ({fold_cpu_s:.1f} s of CPU)", "", None),
            Figure(
                "memory of events, and with the timeline", f"{room[0]:.0f} and {room[1]:.0f} MB", "", None
            ),
            Figure("hashes equal to the live ones", f"{equal:,} of {len(live):,}", "all", equal == len(live)),
            *_figures("a jump: state and hash", jumps_ms),
            *_figures("a jump, drawn on 120x40", drawn_ms),
        ],
    )


def _room_mb(runs: Path) -> tuple[float, float]:
    """What the events take, and what they take together with the timeline."""
    gc.collect()
    tracemalloc.start()
    recording = load_recording(runs, find_run(runs, "last"))
    gc.collect()
    events = tracemalloc.get_traced_memory()[0]
    timeline = Timeline(recording.events)
    gc.collect()
    both = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del timeline
    return events / 1e6, both / 1e6


def _timed_ms(do: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the clock and of the processor, which on a busy machine alone say what a jump costs."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    do()
    return 1000.0 * (time.perf_counter() - began_s), 1000.0 * (time.process_time() - cpu_s)


def _figures(what: str, timed_ms: list[tuple[float, float]]) -> list[Figure]:
    clock_ms, cpu_ms = zip(*timed_ms, strict=True)
    return [
        Figure(what, spread(cpu_ms, "ms of CPU"), "< 100 ms", max(cpu_ms) < BAR_MS),
        Figure("  by the clock", spread(clock_ms, "ms"), "", None),
    ]


async def _drawn_ms(timeline: Timeline, steps: list[int]) -> list[tuple[float, float]]:
    """From the jump until every line of the screen is drawn anew."""
    app = ReplayApp(lambda tell: timeline)
    found: list[tuple[float, float]] = []

    def draw(step: int) -> None:
        app.jump(step)
        for canvas in app.screen.query("Canvas"):
            for y in range(canvas.size.height):
                canvas.render_line(y)

    async with app.run_test(size=(120, 40)) as pilot:
        while not len(app.player.timeline):
            await pilot.pause(0.05)
        for step in steps:
            found.append(_timed_ms(partial(draw, step)))
            await pilot.pause()
    return found


if __name__ == "__main__":
    sys.exit(main())
