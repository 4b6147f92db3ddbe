from math import inf, nan
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marskit.domain.actions import Action, Scale, SetTimeout
from marskit.domain.events import Event, Progressed, RunStarted
from marskit.domain.goals import Slo, Utility
from marskit.domain.loop_events import ModeChanged
from marskit.domain.metrics import Histogram
from marskit.domain.records import Cycle
from marskit.knowledge.format.codec import CodecError, dumps, loads

# Whole numbers of the records are of 64 bits, as they are in Parquet.
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
few = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@few
@given(st.from_type(Cycle))
def test_every_cycle_survives_the_round_trip(cycle: Cycle) -> None:
    assert repr(loads(dumps(cycle, Cycle), Cycle)) == repr(cycle)


@few
@given(st.from_type(RunStarted))
def test_every_run_survives_the_round_trip(run: RunStarted) -> None:
    assert repr(loads(dumps(run, RunStarted), RunStarted)) == repr(run)


@settings(few, max_examples=100)
@given(st.one_of([st.from_type(kind) for kind in get_args(Event)]))
def test_every_event_says_its_kind_and_survives_the_round_trip(event: Event) -> None:
    line = dumps(event, Event)
    assert "\n" not in line
    assert line.startswith(f'{{"kind":"{type(event).__name__}"')
    assert repr(loads(line, Event)) == repr(event)


def test_members_of_a_union_are_told_apart_by_their_kind() -> None:
    assert dumps(Scale("orders", 3), Action) == '{"kind":"Scale","workload":"orders","replicas":3}'
    assert dumps(Scale("orders", 3), Scale) == '{"workload":"orders","replicas":3}'


def test_numbers_that_json_lacks_are_written_as_words() -> None:
    text = dumps(Utility(nan, inf, -inf, 0.1, 1e300), Utility)
    assert text.startswith('{"served_within_slo":"NaN","violated":"Infinity","failed":"-Infinity"')
    assert repr(loads(text, Utility)) == repr(Utility(nan, inf, -inf, 0.1, 1e300))


def test_a_field_with_a_default_may_be_missing() -> None:
    assert loads('{"service":"orders","latency_ms":250}', Slo) == Slo("orders", 250.0)


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("{", Scale, "This is not JSON: unexpected end of data"),
        ("[]", Scale, "Scale, at the value itself: found [], expected a Scale object."),
        ('{"workload":"a"}', Scale, 'found {"workload":"a"}, expected the field replicas.'),
        (
            '{"workload":"a","replicas":true}',
            Scale,
            "at replicas: found true, expected a whole number.",
        ),
        ('{"workload":1,"replicas":1}', Scale, "Scale, at workload: found 1, expected a string."),
        (
            '{"workload":"a","replicas":1,"x":0}',
            Scale,
            'found "x", expected only the fields workload, replicas.',
        ),
        ('{"bins":[[1,2]]}', Histogram, "Histogram, at bins[0]: found [1,2], expected an array of 3."),
        ('{"bins":[[1,2,"n"]]}', Histogram, 'Histogram, at bins[0][2]: found "n", expected a whole number.'),
        ('{"kind":"Explode"}', Action, "expected an object whose kind is one of Scale, ShiftTraffic"),
        (
            '{"at_s":"soon","step":"","detail":""}',
            Progressed,
            'Progressed, at at_s: found "soon", expected a number',
        ),
        ('{"at_s":0,"mode":"wild"}', ModeChanged, 'found "wild", expected one of auto, recommend, approve'),
        (
            '{"virtual_service":"a","route":0,"timeout_ms":1.5}',
            SetTimeout,
            "SetTimeout, at timeout_ms: found 1.5, expected a whole number.",
        ),
    ],
)
def test_what_is_not_the_record_is_refused_with_its_place(text: str, kind: type, sentence: str) -> None:
    with pytest.raises(CodecError) as caught:
        loads(text, kind)
    assert sentence in str(caught.value)
