"""A calibration card for a terminal: fitted values beside the manifests', and their accuracy."""

from collections.abc import Iterator, Sequence
from math import floor, log10

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from marskit import text
from marskit.mesh.simulator.card import CallFit, Card, Fitted, HeldOut, StationFit
from marskit.mesh.simulator.model import TwinModel

TRUSTED_PERCENT = 20.0
"""Largest p95 error, in percent, at which a twin may be used for planning."""
GOOD_PERCENT = 10.0
_BLOCKS = 20
_NEAR = 2.0
"""Distance from the manifests' value, in standard errors, from which a fitted value is highlighted."""


def card_view(card: Card, model: TwinModel, untold: Sequence[str]) -> Iterator[RenderableType]:
    """The whole card.

    Args:
        card: The fitted values.
        model: The twin built from the manifests alone.
        untold: What the runs do not determine, one sentence each.
    """
    yield Text.assemble(
        ("Calibration", "bold"), f" of the twin to {text.plural(len(card.runs), 'recorded run')}"
    )
    yield Text("")
    yield _stations(card, model)
    yield Text("")
    yield _calls(card, model)
    if card.crowding is not None:
        yield Text("")
        yield Text.assemble(
            "Each further replica that starts at the same time prolongs a start by ",
            (with_error(card.crowding), "bold cyan"),
            " of its length.",
        )
    if card.held_out:
        yield Text("")
        yield _held_out(card.held_out)
    if untold:
        yield Text("")
        yield Text(
            "Not determined by these runs (the manifests' values apply unless stated otherwise):", "dim"
        )
        for sentence in untold:
            yield Text(f"  {sentence}", "dim")


def _stations(card: Card, model: TwinModel) -> Table:
    table = _table("workload", "service time ms", "coeff. of variation", "start s")
    for station in model.stations:
        fit = card.stations.get(station.workload, StationFit())
        table.add_row(
            station.workload,
            *_beside(fit.service_ms, station.service_ms),
            *_beside(fit.service_cv, station.service_cv),
            *_beside(fit.start_s, station.start_s),
        )
    return table


def _calls(card: Card, model: TwinModel) -> Table:
    table = _table("call", "calls per request", "hop ms")
    for call in model.calls:
        fit = card.calls.get((call.source, call.service), CallFit())
        table.add_row(
            f"{call.source} → {call.service}",
            *_beside(fit.per_request, call.per_request),
            *_beside(fit.hop_ms, call.hop_ms),
        )
    return table


def _held_out(errors: Sequence[HeldOut]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("held out")
    table.add_column("windows", justify="right")
    table.add_column("p50 error", justify="right")
    table.add_column("p95 error", justify="right")
    table.add_column(f"{TRUSTED_PERCENT:g} % is the limit", style="dim")
    for error in errors:
        table.add_row(
            error.service,
            str(error.n),
            text.percent(error.p50_error_percent),
            Text(text.percent(error.p95_error_percent), _tone(error.p95_error_percent)),
            Text(_bar(error.p95_error_percent), _tone(error.p95_error_percent)),
        )
    return table


def _table(subject: str, *numbers: str) -> Table:
    """A table of fitted numbers, each beside the manifests' value."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(subject, overflow="fold")  # names of subsets differ at their ends
    for number in numbers:
        table.add_column(number, justify="right")
        table.add_column("manifests", justify="right", style="dim")
    return table


def _beside(fitted: Fitted | None, own: float) -> tuple[Text, str]:
    if fitted is None:
        return Text(text.NOTHING, "dim"), f"{own:g}"
    far = abs(fitted.value - own) > _NEAR * fitted.stderr
    return Text(with_error(fitted), "bold cyan" if far else "cyan"), f"{own:g}"


def with_error(fitted: Fitted) -> str:
    """A value and its standard error, rounded to the error's first digit: `39.8 ± 0.3`."""
    if fitted.stderr <= 0:
        return f"{fitted.value:g}"
    digits = min(4, max(0, -floor(log10(fitted.stderr))))
    return f"{fitted.value:.{digits}f} ± {fitted.stderr:.{digits}f}"


def _tone(percent: float) -> str:
    if percent <= GOOD_PERCENT:
        return "green"
    return "yellow" if percent <= TRUSTED_PERCENT else "bold red"


def _bar(percent: float) -> str:
    filled = min(_BLOCKS, round(_BLOCKS * percent / TRUSTED_PERCENT))
    return "█" * filled + "░" * (_BLOCKS - filled)
