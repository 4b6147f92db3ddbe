from random import Random

import pytest

from marskit.domain.diagnosis import SymptomKind
from marskit.mapek.analyse.anomaly import AnomalyDetector, distance
from marskit.mapek.analyse.baselines import Usual
from marskit.mapek.monitor.measures import ERRORS, LATENCY, Measure

USUAL = Usual(median=100.0, sigma=15.0, n=60)


def p95(value: float) -> Measure:
    return Measure(LATENCY, "orders", value, 200, by_load=True)


def feed(watch: AnomalyDetector, values: list[float]) -> list[SymptomKind | None]:
    kinds: list[SymptomKind | None] = []
    for value in values:
        watch.add(p95(value), USUAL, 4.0)
        kinds.append(next((symptom.kind for symptom in watch.symptoms()), None))
    return kinds


def test_the_distance_is_in_standard_deviations_and_never_in_less_than_chance() -> None:
    assert distance(p95(160.0), USUAL) == 4.0
    assert distance(p95(133.0), Usual(100.0, 0.0, 60)) == 3.0
    none = Usual(0.0, 0.0, 60)
    assert (
        distance(Measure(ERRORS, "orders", 2.0, 100), none)
        < 3.5
        < distance(Measure(ERRORS, "orders", 5.0, 100), none)
    )


def test_one_outlier_is_chance_and_two_in_a_row_are_an_anomaly_with_its_evidence() -> None:
    watch = AnomalyDetector()
    assert feed(watch, [100.0, 190.0, 100.0, 190.0]) == [None] * 4
    assert feed(watch, [190.0]) == [SymptomKind.ANOMALY]
    (symptom,) = watch.symptoms()
    assert [evidence.metric for evidence in symptom.evidence] == ["latency_p95_ms", "robust_z"]
    assert symptom.sentence == "P95 of orders is 190 ms, usually 100 ms: 6.0 standard deviations away."


def test_it_stays_up_between_the_limits_and_ends_when_all_is_usual_again() -> None:
    watch = AnomalyDetector()
    feed(watch, [190.0, 190.0])
    assert feed(watch, [140.0, 150.0, 110.0, 140.0]) == [SymptomKind.ANOMALY] * 4
    assert feed(watch, [110.0, 110.0, 110.0]) == [SymptomKind.ANOMALY, None, None]


def test_what_lasts_is_usual_in_the_end() -> None:
    assert feed(AnomalyDetector(), [190.0] * 60)[41] is None


@pytest.mark.parametrize(("shift", "most"), [(1.5, 25), (2.0, 16), (3.0, 6)])
def test_a_shift_is_found_as_soon_as_the_sum_says(shift: float, most: int) -> None:
    delays = []
    for seed in range(50):
        random = Random(seed)
        kinds = feed(AnomalyDetector(), [random.gauss(100.0 + 15.0 * shift, 15.0) for _ in range(100)])
        delays.append(next(number for number, kind in enumerate(kinds, 1) if kind is not None))
    assert sorted(delays)[25] <= most


def test_noise_alone_raises_nothing_in_a_hundred_thousand_windows() -> None:
    random = Random(1)
    assert not any(feed(AnomalyDetector(), [random.gauss(100.0, 15.0) for _ in range(100_000)]))
