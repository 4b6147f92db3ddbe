import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.mesh.manifests.values import format_duration, parse_cpu_millis, parse_duration_ms, regex_problem


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
    "text", ["", "1", "s", "1 s", "-1s", "1d", "1.5", "1s2", "0.5ms", "1e3s", "1.2.3s", "٣s "]
)
def test_what_is_no_duration_in_whole_ms(text: str) -> None:
    assert parse_duration_ms(text) is None


@given(st.integers(min_value=0, max_value=10**9))
def test_a_written_duration_reads_the_same(ms: int) -> None:
    assert parse_duration_ms(format_duration(ms)) == ms


def test_durations_are_written_as_people_do() -> None:
    assert [format_duration(ms) for ms in (2000, 1500, 90_000, 7)] == ["2s", "1500ms", "90s", "7ms"]


@pytest.mark.parametrize(("text", "millis"), [("50m", 50), ("1", 1000), ("0.5", 500), ("1.25", 1250)])
def test_cpu_quantities(text: str, millis: int) -> None:
    assert parse_cpu_millis(text) == millis


@pytest.mark.parametrize("text", ["", "m", "50k", "-1", "1e3", "0.5.5"])
def test_what_is_no_cpu_quantity(text: str) -> None:
    assert parse_cpu_millis(text) is None


@pytest.mark.parametrize(
    "pattern", ["^/a/(.*)$", r"\d+", "(?i)abc", "(?P<id>[a-z]+)", r"\pL+", r"[[:alpha:]]+", r"a\\1", r"\z"]
)
def test_expressions_that_re2_takes(pattern: str) -> None:
    assert regex_problem(pattern) is None


@pytest.mark.parametrize("pattern", ["(", "a**", "a(?=b)", "(?<!a)b", r"(a)\1", "[z-a]"])
def test_expressions_that_re2_does_not_take(pattern: str) -> None:
    assert regex_problem(pattern) is not None
