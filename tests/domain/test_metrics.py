import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.metrics import Histogram, merge

# As Envoy's: a lower bound and a width that depends on nothing but the bound.
WIDTHS = {float(lower): 1.0 if lower < 100 else 10.0 for lower in [*range(100), *range(100, 1000, 10)]}

histograms = st.dictionaries(st.sampled_from(sorted(WIDTHS)), st.integers(1, 1000), max_size=12).map(
    lambda counts: Histogram(tuple((lower, WIDTHS[lower], counts[lower]) for lower in sorted(counts)))
)
filled = histograms.filter(lambda histogram: histogram.n > 0)
quantiles = st.floats(0.0, 1.0)


def test_an_empty_histogram_has_neither_quantile_nor_mean() -> None:
    assert Histogram().quantile_ms(0.95) is None
    assert Histogram().mean_ms() is None
    assert Histogram().n == 0


def test_one_latency_is_every_quantile() -> None:
    one = Histogram(((20.0, 1.0, 1),))
    assert [one.quantile_ms(q) for q in (0.0, 0.5, 1.0)] == [20.5, 20.5, 20.5]


def test_quantiles_of_a_known_distribution() -> None:
    uniform = Histogram(tuple((float(ms), 1.0, 10) for ms in range(100)))
    assert uniform.quantile_ms(0.5) == pytest.approx(50.0, abs=0.1)
    assert uniform.quantile_ms(0.95) == pytest.approx(95.0, abs=0.1)
    assert uniform.mean_ms() == pytest.approx(50.0)


@given(filled, quantiles, quantiles)
def test_quantiles_rise_and_stay_within_the_bins(histogram: Histogram, q: float, p: float) -> None:
    low, high = histogram.quantile_ms(min(q, p)), histogram.quantile_ms(max(q, p))
    assert low is not None
    assert high is not None
    first, last = histogram.bins[0], histogram.bins[-1]
    assert first[0] <= low <= high <= last[0] + last[1]


@given(filled, quantiles)
def test_at_least_the_share_q_lies_in_the_bins_up_to_the_quantile(histogram: Histogram, q: float) -> None:
    quantile = histogram.quantile_ms(q)
    assert quantile is not None
    up_to = sum(count for lower, _, count in histogram.bins if lower <= quantile)
    assert up_to >= q * histogram.n - 1e-9


@given(filled)
def test_the_mean_lies_within_the_bins(histogram: Histogram) -> None:
    mean = histogram.mean_ms()
    assert mean is not None
    assert histogram.bins[0][0] <= mean <= histogram.bins[-1][0] + histogram.bins[-1][1]


@given(histograms, histograms, histograms)
def test_merging_is_adding(a: Histogram, b: Histogram, c: Histogram) -> None:
    assert merge([a, b]).n == a.n + b.n
    assert merge([a, b]) == merge([b, a])
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([a, b, c])
    assert merge([a, Histogram()]) == merge([a]) == a
    assert merge([]) == Histogram()


@given(histograms, histograms)
def test_taking_away_what_was_there_leaves_what_came(earlier: Histogram, came: Histogram) -> None:
    now = merge([earlier, came])
    assert now.minus(earlier) == came
    assert merge([now.minus(earlier), earlier]) == now


@given(histograms)
def test_nothing_new_leaves_nothing(histogram: Histogram) -> None:
    assert histogram.minus(histogram) == Histogram()
    assert histogram.minus(Histogram()) == histogram


@given(filled, histograms)
def test_after_a_restart_all_of_the_reading_is_new(lost: Histogram, since: Histogram) -> None:
    # The counter restarted and has not caught up anywhere that the earlier reading had more.
    earlier = merge([since, lost])
    assert since.minus(earlier) == since


@given(filled, quantiles)
def test_twice_the_same_samples_have_their_quantiles_in_the_same_bins(histogram: Histogram, q: float) -> None:
    once, twice = histogram.quantile_ms(q), merge([histogram, histogram]).quantile_ms(q)
    assert once is not None
    assert twice is not None
    assert _bin(histogram, once) == _bin(histogram, twice)


def _bin(histogram: Histogram, value: float) -> float:
    return next(lower for lower, width, _ in histogram.bins if lower <= value <= lower + width)
