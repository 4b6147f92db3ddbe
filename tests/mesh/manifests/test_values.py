from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.mesh.manifests.values import (
    LONGEST_DURATION_MS,
    cpu_millis,
    format_duration,
    parse_duration_ms,
    parse_quantity,
)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("0s", 0),
        ("100ms", 100),
        ("1.5s", 1500),
        (".5s", 500),
        ("1.s", 1000),
        ("1m30s", 90_000),
        ("1h", 3_600_000),
        ("1h0.5m", 3_630_000),
        ("2000us", 2),
        ("3000000ns", 3),
    ],
)
def test_durations(text: str, ms: int) -> None:
    assert parse_duration_ms(text) == ms


@pytest.mark.parametrize(
    "text", ["", "1", "s", "1 s", "-1s", "1d", "1.5", "1s2", "0.5ms", "1e3s", "1.2.3s", "٣s ", "9223372037s"]
)
def test_what_is_no_duration_in_whole_ms(text: str) -> None:
    assert parse_duration_ms(text) is None


@given(st.integers(min_value=0, max_value=LONGEST_DURATION_MS))
def test_a_written_duration_reads_the_same(ms: int) -> None:
    assert parse_duration_ms(format_duration(ms)) == ms


def test_durations_are_written_as_people_do() -> None:
    assert [format_duration(ms) for ms in (2000, 1500, 90_000, 7)] == ["2s", "1500ms", "90s", "7ms"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50m", "0.05"),
        ("1", "1"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+1.25", "1.25"),
        ("-1", "-1"),
        ("250000u", "0.25"),
        ("3n", "3e-9"),
        ("2k", "2000"),
        ("2M", "2e6"),
        ("2G", "2e9"),
        ("2T", "2e12"),
        ("2P", "2e15"),
        ("2E", "2e18"),
        ("1Ki", "1024"),
        ("1Mi", "1048576"),
        ("1Gi", "1073741824"),
        ("1Ti", "1099511627776"),
        ("1Pi", "1125899906842624"),
        ("1Ei", "1152921504606846976"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e-1", "0.1"),
        ("12e+2", "1200"),
        ("00.50", "0.5"),
    ],
)
def test_quantities(text: str, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", "m", ".", "0.5.5", "1 m", "1mi", "1ki", "1K", "1KI", "1e", "1e1.5", "e3", "1e3m", "1_000"),
        *("0x10", "1d", "1B", "1MB", "--1", "1e999999999999", "\u0663", "Infinity", "NaN"),
    ],
)
def test_what_is_no_quantity(text: str) -> None:
    assert parse_quantity(text) is None


@pytest.mark.parametrize(
    ("text", "millis"), [("50m", 50), ("1", 1000), ("250000u", 250), ("1e-1", 100), ("1n", 1), ("0.0001", 1)]
)
def test_cpu_is_rounded_up_to_thousandths_of_a_core(text: str, millis: int) -> None:
    quantity = parse_quantity(text)
    assert quantity is not None
    assert cpu_millis(quantity) == millis
