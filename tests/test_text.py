import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit import text


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "—"),
        (0.0, "0.0 ms"),
        (8.13, "8.1 ms"),
        (9.97, "10 ms"),
        (812.3, "812 ms"),
        (9_999.4, "9999 ms"),
        (12_345.0, "12.3 s"),
    ],
)
def test_latencies(value: float | None, said: str) -> None:
    assert text.ms(value) == said


def test_a_quantile_that_few_samples_stand_behind_is_marked() -> None:
    assert text.quantile(812.3, trusted=True) == "812 ms"
    assert text.quantile(812.3, trusted=False) == "~812 ms"
    assert text.quantile(None, trusted=False) == "—"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "—"),
        (0.0, "0 %"),
        (0.04, "<0.1 %"),
        (0.4, "0.4 %"),
        (97.0, "97 %"),
        (99.6, "99.6 %"),
        (99.97, ">99.9 %"),
        (100.0, "100 %"),
    ],
)
def test_shares_never_round_to_none_or_all(value: float | None, said: str) -> None:
    assert text.percent(value) == said


def test_rates_counts_and_the_rest() -> None:
    assert [text.rate(v) for v in (None, 0.0, 4.24, 41.4, 12_345.0)] == [
        "—",
        "0 req/s",
        "4.2 req/s",
        "41 req/s",
        "12.3k req/s",
    ]
    assert text.weight(50, 48.2) == "50→48 %"
    assert text.weight(50, None) == "50→— %"
    assert text.weight(None, 100.0) == ""
    assert text.replicas(2, 3) == "2/3"
    assert [text.factor(v) for v in (1.0, 1.5)] == ["×1", "×1.5"]
    assert [text.clock(v) for v in (0.0, 133.9, 3733.0)] == ["00:00", "02:13", "1:02:13"]
    assert [text.duration(v) for v in (8.0, 600.0, 86400.0)] == ["8 s", "10 min", "24 h"]
    assert [text.signed(v) for v in (41.2, -3.21, 0.0, 0.001)] == ["+41", "−3.2", "0", "0"]
    assert [text.plural(n, "replica") for n in (0, 1, 2)] == ["0 replicas", "1 replica", "2 replicas"]


@pytest.mark.parametrize(
    ("metric", "value", "said"),
    [
        ("latency_p95_ms", 812.0, "812 ms"),
        ("error_percent", 2.5, "2.5 %"),
        ("utilisation", 0.97, "97 %"),
        ("replicas_ready", 2.0, "2"),
    ],
)
def test_a_metric_has_the_unit_of_its_name(metric: str, value: float, said: str) -> None:
    assert text.measured(metric, value) == said


@given(st.floats(0, 1e9, allow_nan=False))
def test_every_number_is_short(value: float) -> None:
    assert len(text.ms(value)) <= 11
    assert len(text.percent(min(value, 100.0))) <= 7
    assert "e" not in text.number(value)
