"""Curves come with their axes, legend and marks, so that every front end draws the same."""

from dataclasses import replace

from marskit.domain.training import Evaluated
from marskit.views.load import LoadView, load_plot, load_reading, load_view
from marskit.views.plots import nice_max
from marskit.views.series import SeriesView, series_plots, series_title, series_view
from marskit.views.tone import Fact, Part, Tone
from marskit.views.training import TrainingView, learning_plot
from tests.tui import scripts


def test_axes_end_at_numbers_that_are_easy_to_read() -> None:
    assert [nice_max([v], 1.0) for v in (0.5, 7.0, 101.0, 432.0, 999.0)] == [1.0, 8.0, 150.0, 500.0, 1000.0]


def test_the_curves_of_a_service_share_their_time_and_their_marks() -> None:
    view = series_view(scripts.recovered().state)
    latency, traffic, replicas = series_plots(view)
    assert series_title(view) == "orders"
    assert {(p.x_min, p.x_max, p.since, p.until) for p in (latency, traffic, replicas)} == {
        (view.now_s - view.span_s, view.now_s, f"−{view.span_s:.0f} s", "now")
    }
    assert [fact.name.text for fact in latency.legend] == ["p50", "p95", "SLO"]
    assert latency.legend[2] == Fact(Part("SLO", Tone.SLO), Part("300 ms", Tone.DIM), "╌")
    assert (latency.level, latency.top) == (300.0, "500 ms")
    assert [(u.symbol, u.tone) for u in latency.uprights] == [(m.symbol, u.tone) for m, u in zip(
        view.marks, latency.uprights, strict=True
    )]  # fmt: skip
    assert all(u.text for u in latency.uprights)
    assert traffic.top.endswith("/s")
    assert [curve.name for curve in replicas.curves] == ["desired", "ready"]
    assert series_plots(SeriesView()) == ()


def test_the_load_says_what_is_offered_and_where_it_is() -> None:
    view = load_view(scripts.violated().state)
    reading, plot = load_reading(view), load_plot(view)
    assert reading.title == "load spike"
    assert [fact.name.text for fact in reading.rates] == ["offered", "actual"]
    assert reading.position.endswith(" of 04:00")
    assert plot is not None
    assert [upright.at for upright in plot.uprights] == [view.position_s]
    assert load_reading(replace(view, is_over=True)).position.endswith("04:00, over")
    assert load_reading(replace(view, speed=2.0)).position.endswith("04:00, 2× speed")
    assert load_reading(replace(view, reason="Port 80 is in use.")).note == Part(
        "Port 80 is in use.", Tone.BAD
    )
    assert load_reading(replace(view, factor=3.0)).factor == Part("×3", Tone.PERSON)
    assert load_plot(LoadView()) is None
    assert load_reading(LoadView()).note is not None


def test_the_learning_curve_marks_the_best_evaluation() -> None:
    evaluated = Evaluated(
        steps=1000,
        seconds=10.0,
        reward=0.5,
        best_reward=0.5,
        violated_percent=4.0,
        hpa_violated_percent=6.0,
        demand_violated_percent=5.0,
        replicas=9.0,
        utility_per_s=1.0,
    )
    worse = replace(evaluated, seconds=20.0, reward=0.1, violated_percent=9.0)
    plot = learning_plot(TrainingView(curve=(evaluated, worse), span_s=30.0))
    assert plot is not None
    assert [(u.at, u.text) for u in plot.uprights] == [(10.0, "best")]
    assert [fact.value.text for fact in plot.legend] == ["9.00 %", "6.00 %", "5.00 %"]
    assert [curve.name for curve in plot.curves] == ["demand*", "HPA*", "policy"]
    assert (plot.top, plot.since, plot.until) == ("10 %", "0 s", "30 s")
    assert learning_plot(TrainingView()) is None
