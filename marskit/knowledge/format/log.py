"""The log of a run: events as rows, and rows as events and records.

A cycle is stored before the bus reports its completion, and telemetry may be published in between. So the row
of a `CycleCompleted` may have the place of an event of the next batch: it then comes after that one, as it
did on the bus.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_type_hints

import orjson

from marskit.domain.events import Event, Observed, RunEnded, RunStarted
from marskit.domain.loop_events import Analysed, CycleCompleted, Executed, Monitored, Planned
from marskit.domain.records import Cycle
from marskit.knowledge.format.codec import dumps, loads
from marskit.knowledge.format.tables import LOG, table_schema
from marskit.knowledge.port import Incident

if TYPE_CHECKING:
    import polars as pl

COMPLETED = CycleCompleted.__name__
STORY = frozenset({COMPLETED, *(kind.__name__ for kind in get_args(Incident))})
"""The kinds of events that records are made of."""
ENDED = RunEnded.__name__
_SHARED: dict[str, tuple[str, Callable[[float, int, Any], Event]]] = {
    Monitored.__name__: ("observation", Monitored),
    Analysed.__name__: ("diagnosis", Analysed),
    Planned.__name__: ("plan", Planned),
}


_REPEATED = frozenset(field for field, _ in _SHARED.values())
_CYCLE_FIELDS: dict[str, Any] = get_type_hints(Cycle)


class Row(NamedTuple):
    """A row of the log."""

    run: str
    cycle: int
    at_s: float
    seq: int
    kind: str
    event: str
    scenario: str
    speed: float
    covers_s: float | None


def at_s(event: Event) -> float:
    """Time of the event, in seconds of the run's clock."""
    match event:
        case RunStarted():
            return 0.0
        case Observed(observation):
            return observation.at_s
        case Executed(execution):
            return execution.at_s
        case CycleCompleted(cycle):
            return cycle.ended_at_s
        case _:
            return event.at_s


def row_of(
    run: str, seq: int, cycle: int, event: Event, text: str, context: tuple[str, float, float | None]
) -> Row:
    """The row of an event with the JSON `text`.

    `context` contains the scenario in force, its speed, and the seconds that a completed cycle covers.
    """
    return Row(run, cycle, at_s(event), seq, type(event).__name__, text, *context)


class Encoder:
    """Encodes the events of one batch; parts that a cycle shares with its phases are encoded once."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._texts = {
            id(value := getattr(event.cycle, field)): dumps(value, _CYCLE_FIELDS[field])
            for event in events
            if isinstance(event, CycleCompleted)
            for field, _ in _SHARED.values()
        }

    def encode(self, event: Event) -> str:
        """The same JSON as `dumps` returns for the event."""
        kind = type(event).__name__
        if isinstance(event, CycleCompleted):
            cycle = event.cycle
            fields = (self._field(cycle, name, hint) for name, hint in _CYCLE_FIELDS.items())
            return f'{{"kind":"{kind}","cycle":{{{",".join(fields)}}}}}'
        if isinstance(event, Monitored | Analysed | Planned):
            name = _SHARED[kind][0]
            if id(getattr(event, name)) in self._texts:
                encoded = f'{{"kind":"{kind}","at_s":{dumps(event.at_s, float)},"cycle":{event.cycle}'
                return f"{encoded},{self._field(event, name, _CYCLE_FIELDS[name])}}}"
        return dumps(event, Event)

    def _field(self, of: Cycle | Monitored | Analysed | Planned, name: str, hint: Any) -> str:
        value = getattr(of, name)
        text = self._texts.get(id(value)) if name in _REPEATED else None
        return f'"{name}":{dumps(value, hint) if text is None else text}'


def settle(rows: Iterable[Row]) -> list[Row]:
    """The rows in the order of the bus, each with its own place."""
    rows = list(rows)
    taken = {row.seq for row in rows if row.kind != COMPLETED}
    for index, row in enumerate(rows):
        if row.kind == COMPLETED and row.seq in taken:
            seq = row.seq
            while seq in taken:
                seq += 1
            rows[index] = row._replace(seq=seq)
    rows.sort(key=lambda row: row.seq)
    return rows


def frame(rows: Sequence[Row]) -> "pl.DataFrame":
    """The rows as a table."""
    import polars as pl

    return pl.DataFrame(rows, schema=table_schema(LOG), orient="row")


def rows_of(table: "pl.DataFrame") -> Iterator[Row]:
    """The rows of a table that `frame` made."""
    return map(Row._make, table.select(Row._fields).iter_rows())


def event_of(row: Row) -> Event:
    """The event of a row.

    Raises:
        CodecError: The row does not contain an event.
    """
    event: Event = loads(row.event, Event)
    return event


class Decoder:
    """Decodes the events of a run; parts that a cycle shares with its phases are decoded once."""

    def __init__(self, cycles: Iterable[tuple[Row, Cycle]]) -> None:
        self._cycles = {cycle.id: (row.event, cycle) for row, cycle in cycles}

    def decode(self, row: Row) -> Event:
        """The event of a row.

        Raises:
            CodecError: The row does not contain an event.
        """
        known = self._cycles.get(row.cycle)
        if known is not None and row.kind in _SHARED:
            text, cycle = known
            field, kind = _SHARED[row.kind]
            head, _, tail = row.event.partition(f',"{field}":')
            # The same text is the same value; a cycle has fields after all of these.
            if f',"{field}":{tail[:-1]},' in text:
                fields: dict[str, Any] = orjson.loads(head + "}")
                return kind(float(fields["at_s"]), fields["cycle"], getattr(cycle, field))
        return event_of(row)
