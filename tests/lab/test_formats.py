"""What a notebook stores of every record: text, and HTML that needs nothing else and is safe."""

import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

import marskit as mk
from marskit.domain.events import Observed
from marskit.domain.records import Effect
from marskit.domain.state import State
from marskit.lab.formats import bundle_of
from marskit.lab.lab import Lab
from marskit.pictures.rail import rail_html
from marskit.pictures.series import series_svg
from marskit.pictures.topology import topology_svg
from marskit.views.labels import NO_MESH
from marskit.views.loop import loop_view
from marskit.views.series import SeriesView, series_view
from marskit.views.topology import TopologyView, topology_view
from tests.lab.conftest import MakeLab

VOID = {"br", "hr", "img", "input", "meta", "link"}


class Checker(HTMLParser):
    """Collects elements and refuses what is open at the end, or what loads or runs anything."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "style", "iframe", "link", "img", "object"}
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in {"src", "href"}
            assert "url(" not in (value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


def checked(html: str) -> str:
    """The words in the HTML, which is whole and harmless."""
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    return checker.said


@pytest.fixture
def lab(lab_of: MakeLab) -> Lab:
    lab = lab_of()
    lab.load(3.0)
    lab.run(12)
    return lab


def test_every_record_is_shown_as_text_and_as_harmless_html(lab: Lab) -> None:
    cycle = next(cycle for cycle in lab.cycles if cycle.executions)
    effect = Effect(1, "shop", 1.0, 2.0, 0.0, 0.0, "p95 of <shop> & co.")
    records = (
        lab.state,
        State(),
        lab.cycles,
        cycle,
        cycle.observation,
        cycle.diagnosis,
        cycle.plan,
        cycle.executions[0],
        effect,
        lab.what_if(mk.Scale("orders", 3)),
        lab.what_if(mk.Scale("orders", 3)).dry_run,
    )
    for record in records:
        shown = bundle_of(record)
        assert sorted(shown) == ["text/html", "text/plain"]
        said = checked(shown["text/html"])
        assert len(shown["text/html"]) < 200_000
        words = [word for word in shown["text/plain"].split() if word.strip("●▲✖○►⊘◉·")]
        assert words
        assert {word for word in words if word not in said} == set()
    assert "<shop> & co." in bundle_of(effect)["text/plain"]
    assert "&lt;shop&gt; &amp; co." in bundle_of(effect)["text/html"]


def test_the_words_are_those_of_the_cycle(lab: Lab) -> None:
    cycle = next(cycle for cycle in lab.cycles if cycle.executions)
    text = bundle_of(cycle)["text/plain"]
    assert cycle.diagnosis.sentence in text
    assert cycle.plan.reason in text
    assert cycle.executions[0].command in text
    with pytest.raises(KeyError):
        bundle_of(3)


def test_pictures_are_well_formed_and_name_what_they_show(lab: Lab) -> None:
    state = lab.state
    mesh, curves = topology_svg(topology_view(state)), series_svg(series_view(state))
    for picture in (mesh, curves, topology_svg(TopologyView()), series_svg(SeriesView())):
        assert "nan" not in picture
        assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert NO_MESH in topology_svg(TopologyView())
    for node in topology_view(state).nodes:
        assert node.name in mesh
    assert "SLO" in curves
    assert "p95" in curves
    rail = checked(rail_html(loop_view(state)))
    for phase in loop_view(state).phases:
        assert phase.headline in rail


def test_what_is_not_known_interrupts_a_curve(lab: Lab) -> None:
    view = series_view(lab.state)
    known = replace(view, points=view.points[-9:], marks=())
    gap = replace(known.points[4], p95_ms=None)
    points = (*known.points[:4], gap, *known.points[5:])
    whole = series_svg(replace(known, points=tuple(replace(p, p95_ms=5.0) for p in known.points)))
    broken = series_svg(
        replace(known, points=tuple(p if p is gap else replace(p, p95_ms=5.0) for p in points))
    )
    moves = [
        sum(part.get("d", "").count("M") for part in ElementTree.fromstring(svg).iter() if part.get("d"))
        for svg in (whole, broken)
    ]
    assert moves[1] == moves[0] + 1


def test_long_names_stay_within_their_nodes(lab: Lab) -> None:
    state = lab.state
    view = topology_view(state)
    name = "recommendations-of-the-week-by-machine"
    layers = tuple(
        tuple(replace(node, name=name) if node.name == "payments" else node for node in layer)
        for layer in view.layers
    )
    edges = tuple(
        replace(
            edge,
            source=name if edge.source == "payments" else edge.source,
            target=name if edge.target == "payments" else edge.target,
        )
        for edge in view.edges
    )
    picture = ElementTree.fromstring(topology_svg(replace(view, layers=layers, edges=edges)))
    texts = ["".join(each.itertext()) for each in picture.iter() if each.tag.endswith("text")]
    assert name not in texts
    assert any(text.startswith("recommend") and text.endswith("…") for text in texts)


def test_ipython_shows_records_as_pictures_and_errors_as_sentences(tmp_path: Path) -> None:
    script = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import marskit as mk
lab = mk.Lab("twin", runs=sys.argv[1], preview=False)
data, _ = shell.display_formatter.format(lab.step())
state, _ = shell.display_formatter.format(lab.state)
print(json.dumps([sorted(data), "<svg" in state["text/html"], "Monitor" in data["text/plain"]]))
shell.push({"lab": lab})
shell.run_cell("lab.scale('nobody', 3)")
lab.close()
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=90, check=True
    )
    first, *rest = ran.stdout.splitlines()
    assert json.loads(first) == [["text/html", "text/plain"], True, True]
    assert "'nobody' is not a workload; choose one of" in "\n".join(rest)
    assert "Traceback" not in ran.stdout


def test_an_observation_that_arrives_changes_the_picture(lab: Lab) -> None:
    before = bundle_of(lab.state)
    seen = lab.state.observation
    assert seen is not None
    from marskit.domain.state import apply

    later = apply(lab.state, Observed(replace(seen, at_s=seen.at_s + 60.0)))
    assert bundle_of(later) != before
