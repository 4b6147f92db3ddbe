"""Every view of a state, and every string in a view: what a front end may show, and nothing else."""

import dataclasses
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.domain.topology import GATEWAY
from marskit.views.actions import KILLS, LOG, NO_ACTION, log_document, log_rows
from marskit.views.alert import STOPPING, alert_view, recorded_alert
from marskit.views.controls import CONTROLS, REPLAY_CONTROLS, Intent, offered, standing
from marskit.views.find import places
from marskit.views.forms import forms
from marskit.views.help import help_document
from marskit.views.intents import resolve_intent
from marskit.views.labels import count_by_health, lost_words, mesh_title, node_label, violation_words
from marskit.views.layout import lay_out, place
from marskit.views.load import NO_CURVE, load_plot, load_reading, load_view
from marskit.views.loop import loop_view
from marskit.views.nodes import node_document
from marskit.views.phases import phase_document, progress_document
from marskit.views.replay import recorded_loop
from marskit.views.review import CLOSES, made_for, review_document, review_title
from marskit.views.series import NO_POINTS, series_plots, series_title, series_view
from marskit.views.summary import RUN, detail_title, progress_view, recorded_summary, summary_view
from marskit.views.topology import topology_view, unhealthy
from marskit.views.verdict import verdict_view


def views_of(state: State) -> dict[str, Any]:
    """Every view that a front end can show of that state, by a name."""
    mesh, load = topology_view(state), load_view(state)
    services = (None, *(node.service for node in mesh.nodes if node.name != GATEWAY))
    series = [series_view(state, service) for service in services]
    return {
        "summary": (RUN, summary_view(state), recorded_summary(state), verdict_view(state)),
        "alert": (STOPPING, alert_view(state), recorded_alert(state)),
        "topology": (mesh, unhealthy(mesh), violation_words(mesh), lost_words(mesh)),
        "labels": ([node_label(node) for node in mesh.nodes], count_by_health(mesh.nodes)),
        "titles": [mesh_title(only_unhealthy=only) for only in (False, True)],
        "layout": (lay_out(mesh), place(lay_out(mesh), 4, 1)),
        "loop": (loop_view(state), recorded_loop(loop_view(state))),
        "series": ([(series_title(view), series_plots(view)) for view in series], series, NO_POINTS),
        "load": (load, load_reading(load), load_plot(load), NO_CURVE),
        "log": (LOG, NO_ACTION, KILLS, log_rows(state), log_document(state)),
        "phases": [(phase_document(state, phase), detail_title(state, phase)) for phase in Phase],
        "progress": (progress_view(state), progress_document(state)),
        "review": (made_for(state), review_title(state), review_document(state), CLOSES),
        "nodes": [node_document(state, node.name) for node in mesh.nodes],
        "controls": (offered(CONTROLS, standing(state)), offered(REPLAY_CONTROLS, standing(state))),
        "places": places(state),
        "forms": forms(state),
        "help": help_document(CONTROLS, key=str, spoken=str, moving=""),
        "intents": [resolve_intent(intent, state, workload="orders", factor=1.0) for intent in Intent],
    }


def strings(view: object) -> set[str]:
    """Every string in a view, however deep."""
    return {text for text in _strings(view) if text.strip()}


def _strings(view: object) -> Iterator[str]:
    if isinstance(view, Enum):
        yield str(view.value)
    elif isinstance(view, str):
        yield view
    elif dataclasses.is_dataclass(view) and not isinstance(view, type):
        for field in dataclasses.fields(view):
            yield from _strings(getattr(view, field.name))
    elif isinstance(view, dict):
        yield from _strings([*view, *view.values()])
    elif isinstance(view, Iterable):
        for part in view:
            yield from _strings(part)


LONG = 4
"""Fewest words of a sentence that may be wrapped."""


class Vocabulary:
    """Tells whether a text is made of whole strings of views, side by side."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._whole = {_words(text) for text in allowed}
        self._longest = max(map(len, self._whole), default=0)
        self._parts = {
            words[start:end]
            for words in self._whole
            if len(words) >= LONG
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
        }
        """A sentence is wrapped, so that its parts stand alone."""
        self._words = {word for words in self._whole for word in words}

    def covers(self, text: str) -> bool:
        """Whether it is."""
        words = _words(text)
        reached = [True] + [False] * len(words)
        for end in range(1, len(words) + 1):
            starts = range(max(0, end - self._longest), end)
            reached[end] = any(reached[start] and self._is_said(words[start:end]) for start in starts)
        return reached[-1]

    def _is_said(self, words: tuple[str, ...]) -> bool:
        if words in self._whole or words in self._parts:
            return True
        if len(words) == 1 and "…" in words[0]:
            # Cut for lack of room, at its end or in its middle.
            head, _, tail = words[0].partition("…")
            return any(word.startswith(head) and word.endswith(tail) for word in self._words)
        return False


def _words(text: str) -> tuple[str, ...]:
    """The words without what a front end may put between two strings."""
    return tuple(word.rstrip(".:") or word for word in text.split())
