"""Reports a run without a screen: as a story in lines, or as NDJSON."""

from pathlib import Path
from typing import TextIO

from rich.console import Console

from marskit.console.story import (
    COLUMNS,
    count_lines,
    cycle_lines,
    figures_lines,
    incident_line,
    run_line,
    shortfall_lines,
)
from marskit.domain.events import Event, MeshReady, Progressed, RunEnded, RunStarted
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.format.codec import dumps
from marskit.knowledge.port import Incident
from marskit.knowledge.record import Record, Recorder, figures
from marskit.knowledge.storage.store import open_store


class JsonTeller:
    """Writes every event as one line of JSON, its `kind` first."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def tell(self, event: Event) -> None:
        """Write the event."""
        self._out.write(f"{dumps(event, Event)}\n")
        self._out.flush()


class StoryTeller:
    """Writes a line per cycle with its plan, executions and effects below, and the figures at the end."""

    def __init__(self, console: Console, runs: Path | str) -> None:
        self._console = console
        self._runs = runs
        self._run: RunStarted | None = None
        self._recorder = Recorder()
        self._records: list[Record] = []

    def tell(self, event: Event) -> None:
        """Write what the event reports; most events are part of a cycle and reported with it."""
        if (record := self._recorder.note(event)) is not None:
            self._records.append(record)
        if isinstance(event, Incident):
            self._line(incident_line(event))
        match event:
            case RunStarted():
                self._run = event
                self._line(run_line(event))
            case Progressed(at_s, step, detail):
                self._line(f"{at_s:>8.1f} s  {step}: {detail}")
            case MeshReady(at_s, gateway_url):
                self._line(f"{at_s:>8.1f} s  the gateway answers at {gateway_url}")
                self._line(COLUMNS)
            case CycleCompleted(cycle):
                for line in cycle_lines(cycle):
                    self._line(line)
            case RunEnded():
                self._end(event)
            case _:
                pass

    def _end(self, ended: RunEnded) -> None:
        if self._run is None:
            return
        self._line("")
        for line in shortfall_lines(ended.shortfalls):
            self._line(line)
        if self._records:
            for line in figures_lines(figures(self._records), slo_met_at_end=self._records[-1].slo_met):
                self._line(line)
            for line in count_lines(self._records):
                self._line(line)
            self._line(
                f"  {'recorded in':<22} {open_store(self._runs).location(self._run.run, '').rstrip('/')}"
            )

    def _line(self, line: object) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)
        self._console.file.flush()
