"""Reads a scenario's `[arrival]` table: the kind of curve and its numbers."""

import csv
import math
from itertools import pairwise
from pathlib import Path

from marskit.errors import Complaint
from marskit.load.curves import Curve, Diurnal, FlashCrowd, OnOff, Ramp, Spike, Steady, Trace
from marskit.load.port import ScenarioError
from marskit.system.toml_table import LARGEST, TomlTable

KINDS = ("steady", "ramp", "diurnal", "spike", "flash-crowd", "on-off", "trace")
_COLUMNS = ["time_s", "requests_per_s"]


def read_curve(table: TomlTable, folder: Path) -> Curve:
    """Read the table; a trace file's path is relative to `folder`, where the scenario is."""
    kind = table.choice("kind", KINDS)
    curve = _curve(kind, table, folder)
    table.close()
    if curve.highest_requests_per_s == 0:
        table.fail("kind", f'is "{kind}" with no rate above 0; at least one rate must be above 0')
    return curve


def _curve(kind: str, table: TomlTable, folder: Path) -> Curve:
    if kind == "trace":
        return _read_trace(folder / table.text("file"))
    base = table.number("base_requests_per_s")
    if kind == "steady":
        return Steady(base)
    peak = table.number("peak_requests_per_s")
    match kind:
        case "ramp":
            from_s = table.number("from_s")
            return Ramp(base, peak, from_s, table.number("until_s", above=from_s))
        case "diurnal":
            period_s = table.number("period_s", above=0)
            return Diurnal(base, peak, period_s, table.number("peak_at_s", at_most=period_s))
        case "spike":
            from_s = table.number("from_s")
            until_s = table.number("until_s", above=from_s)
            return Spike(base, peak, from_s, until_s, table.number("edge_s", at_most=(until_s - from_s) / 2))
        case "flash-crowd":
            return FlashCrowd(base, peak, table.number("at_s"), table.number("decay_s", above=0))
        case _:
            period_s = table.number("period_s", above=0)
            on_s = table.number("on_s", above=0, at_most=period_s)
            return OnOff(base, peak, period_s, on_s, table.number("from_s"))


def _read_trace(file: Path) -> Trace:
    try:
        # A byte order mark, which spreadsheets write, is skipped, and so are empty lines.
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.reader(lines, strict=True)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise ScenarioError(Complaint(f"the trace cannot be read: {error.strerror}", file)) from error
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ScenarioError(Complaint(f"the trace is not a CSV file in UTF-8: {error}", file)) from error
    if not rows or [cell.strip() for cell in rows[0][1]] != _COLUMNS:
        raise ScenarioError(Complaint(f"the first line must be {','.join(_COLUMNS)}", file, 1))
    points = [_point(file, line, row) for line, row in rows[1:]]
    if not points:
        raise ScenarioError(
            Complaint("the trace is empty; it must have at least one line of numbers", file, 2)
        )
    for (line, _), (before, after) in zip(rows[2:], pairwise(points), strict=True):
        if after[0] <= before[0]:
            sentence = f"time_s is {after[0]:g}; it must be above the previous line ({before[0]:g})"
            raise ScenarioError(Complaint(sentence, file, line))
    times_s, rates_per_s = zip(*points, strict=True)
    return Trace(times_s, rates_per_s)


def _point(file: Path, line: int, row: list[str]) -> tuple[float, float]:
    if len(row) != len(_COLUMNS):
        sentence = f"there are {len(row)} columns; there must be {len(_COLUMNS)}"
        raise ScenarioError(Complaint(sentence, file, line))
    time_s, requests_per_s = (
        _number(file, line, column, text) for column, text in zip(_COLUMNS, row, strict=True)
    )
    return time_s, requests_per_s


def _number(file: Path, line: int, column: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= LARGEST:
        sentence = f'{column} is "{text}"; it must be a number from 0 to {LARGEST:.10g}'
        raise ScenarioError(Complaint(sentence, file, line))
    return number
