"""Calibration cards as readable TOML files, each tied to its mesh."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

from marskit import __version__
from marskit.demo import DEMO_MANIFESTS
from marskit.errors import InputError
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card import CallFit, Card, Edit, Fitted, HeldOut, Renewal, StationFit
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.model import Station, TwinModel
from marskit.system.atomic_write import write_durably
from marskit.system.toml_table import TomlTable, read_toml

FORMAT = 2
"""Raised when a field changes its meaning; readers refuse all other versions."""
SHIPPED = Path(__file__).with_name("demo-card.toml")
_MOST = 1_000_000
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class CardError(InputError):
    """A card that cannot be used: one sentence with file, field, what was found and what is allowed."""


def mesh_digest(model: TwinModel) -> str:
    """A digest of the workloads' names and their calls: the same for all meshes that one card fits."""
    shape = {
        "workloads": sorted(station.workload for station in model.stations),
        "calls": sorted([call.source, call.service] for call in model.calls),
    }
    return sha256(json.dumps(shape).encode()).hexdigest()[:16]


def write_card(path: Path, card: Card, model: TwinModel) -> None:
    """Write the card atomically: a crash leaves the old file or the new one; see `card_text`."""
    write_durably(path, card_text(card, model).encode())


def card_text(card: Card, model: TwinModel) -> str:
    """The whole file of a card; `model` is that of the manifests alone, without any card."""
    return "\n".join(_lines(card, model)) + "\n"


def read_card(path: Path, model: TwinModel) -> Card:
    """The card in the file, for that mesh.

    Raises:
        CardError: It cannot be read, a field is wrong, or it belongs to another mesh.
    """
    data = read_toml(path, "the calibration card", CardError)
    return _card(TomlTable(path, "", data, CardError), model, path)


def demo_card() -> Card:
    """The card shipped with marskit, for the demo's mesh."""
    return read_card(SHIPPED, twin_model(load_mesh(DEMO_MANIFESTS)))


def shipped_card(model: TwinModel) -> Card | None:
    """The card shipped with marskit if it belongs to this mesh, else None."""
    is_ours = f"mesh = {_text(mesh_digest(model))}" in SHIPPED.read_text(encoding="utf-8").splitlines()
    return read_card(SHIPPED, model) if is_ours else None


def _lines(card: Card, model: TwinModel) -> Iterator[str]:
    yield "# Calibrated by `marskit calibrate`: values, standard errors, and the number n of windows."
    yield f"format = {FORMAT}"
    yield f"marskit = {_text(__version__)}"
    yield f"mesh = {_text(mesh_digest(model))}"
    yield f"runs = [{', '.join(map(_text, card.runs))}]"
    if card.crowding is not None:
        yield _fit_line("crowding", card.crowding)
    if card.version > 1 or card.renewal:
        yield f"version = {card.version}"
    if card.renewal:
        yield "\n[renewal]"
        for each in fields(card.renewal):
            value = getattr(card.renewal, each.name)
            yield f"{each.name} = {_text(value) if isinstance(value, str) else repr(value)}"
    for workload, station in card.stations.items():
        yield f"\n[stations.{workload if _BARE.fullmatch(workload) else _text(workload)}]"
        declared = ", ".join(f"{name} = {value!r}" for name, value in _declared(model.station(workload)))
        yield f"manifests = {{ {declared} }}"
        yield from _fit_lines(station)
    for (source, service), call in card.calls.items():
        yield f"\n[[calls]]\nsource = {_text(source)}\nservice = {_text(service)}"
        yield from _fit_lines(call)
    for held_out in card.held_out:
        yield f"\n[[held_out]]\nservice = {_text(held_out.service)}\nn = {held_out.n}"
        yield f"p50_error_percent = {held_out.p50_error_percent!r}"
        yield f"p95_error_percent = {held_out.p95_error_percent!r}"


def _declared(station: Station) -> tuple[tuple[str, float], ...]:
    """What the manifests say of a workload, where a card's number replaces it."""
    return (("SERVICE_TIME_MS", float(station.service_ms)), ("SERVICE_TIME_CV", float(station.service_cv)))


def _fit_lines(fit: StationFit | CallFit) -> Iterator[str]:
    for field in fields(fit):
        fitted = getattr(fit, field.name)
        if fitted is not None:
            yield _fit_line(field.name, fitted)


def _fit_line(name: str, fitted: Fitted) -> str:
    value, stderr = float(fitted.value), float(fitted.stderr)
    return f"{name} = {{ value = {value!r}, stderr = {stderr!r}, n = {fitted.n} }}"


def _text(text: str) -> str:
    """As a basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _card(table: TomlTable, model: TwinModel, path: Path) -> Card:
    table.integer("format", at_least=FORMAT, at_most=FORMAT)
    table.text("marskit")
    mesh, ours = table.text("mesh"), mesh_digest(model)
    if mesh != ours:
        raise CardError(
            f"{path}: mesh is {mesh}, so this card belongs to another mesh; the digest of these "
            f"manifests, with {', '.join(station.workload for station in model.stations)}, is {ours}."
        )
    edits: list[Edit] = []
    card = Card(
        runs=_runs(table),
        stations=dict(_stations(table, model, edits)),
        calls=dict(_calls(table, model)),
        crowding=_fitted(table, "crowding"),
        held_out=tuple(_held_out(each, model) for each in _tables(table, "held_out")),
        version=table.integer("version", at_least=1, at_most=_MOST) if table.has("version") else 1,
        renewal=_renewal(table.table("renewal")) if table.has("renewal") else None,
    )
    table.close()
    return replace(card, edits=tuple(edits))


def _runs(table: TomlTable) -> tuple[str, ...]:
    runs = table.value("runs", "a list of run ids")
    if not isinstance(runs, list) or not all(isinstance(run, str) and run for run in runs):
        table.fail("runs", f"is {runs!r}; it must be a list of run ids")
    return tuple(runs)


def _stations(table: TomlTable, model: TwinModel, edits: list[Edit]) -> Iterator[tuple[str, StationFit]]:
    if not table.has("stations"):
        return
    names = [station.workload for station in model.stations]
    stations = table.table("stations")
    for workload, _ in stations.items():
        if workload not in names:
            stations.fail(workload, f"is not a workload of this mesh; it has {', '.join(names)}")
        fit = stations.table(workload)
        edits += _edits(fit.table("manifests"), model.station(workload))
        # A mean of 0 would be no service at all.
        found = StationFit(
            service_ms=_fitted(fit, "service_ms", above=0.0),
            service_cv=_fitted(fit, "service_cv"),
            start_s=_fitted(fit, "start_s"),
        )
        fit.close()
        yield workload, found


def _edits(table: TomlTable, station: Station) -> Iterator[Edit]:
    for name, now in _declared(station):
        then = table.number(name)
        if then != now:
            yield Edit(station.workload, station.service, name, then, now)
    table.close()


def _calls(table: TomlTable, model: TwinModel) -> Iterator[tuple[tuple[str, str], CallFit]]:
    known = [(call.source, call.service) for call in model.calls]
    found: list[tuple[str, str]] = []
    for fit in _tables(table, "calls"):
        source, service = fit.text("source"), fit.text("service")
        if (source, service) not in known or (source, service) in found:
            once = "twice in the card" if (source, service) in found else "not a call of this mesh"
            fit.fail("service", f'is "{service}"; {source} → {service} is {once}')
        found.append((source, service))
        call = CallFit(per_request=_fitted(fit, "per_request", at_most=1.0), hop_ms=_fitted(fit, "hop_ms"))
        fit.close()
        yield (source, service), call


def _held_out(table: TomlTable, model: TwinModel) -> HeldOut:
    services = list(dict.fromkeys(station.service for station in model.stations))
    found = HeldOut(
        service=table.choice("service", services),
        n=table.integer("n", at_least=1, at_most=_MOST),
        p50_error_percent=table.number("p50_error_percent"),
        p95_error_percent=table.number("p95_error_percent"),
    )
    table.close()
    return found


def _renewal(table: TomlTable) -> Renewal:
    found = Renewal(
        run=table.text("run"),
        first_cycle=table.integer("first_cycle", at_least=1, at_most=_MOST),
        last_cycle=table.integer("last_cycle", at_least=1, at_most=_MOST),
        windows=table.integer("windows", at_least=1, at_most=_MOST),
        drifted=table.text("drifted"),
        error_before_percent=table.number("error_before_percent"),
        error_after_percent=table.number("error_after_percent"),
    )
    table.close()
    return found


def _tables(table: TomlTable, key: str) -> tuple[TomlTable, ...]:
    return table.tables(key) if table.has(key) else ()


def _fitted(
    table: TomlTable, key: str, *, above: float | None = None, at_most: float = math.inf
) -> Fitted | None:
    if not table.has(key):
        return None
    fit = table.table(key)
    most = {} if math.isinf(at_most) else {"at_most": at_most}
    found = Fitted(
        value=fit.number("value", above=above, **most),
        stderr=fit.number("stderr"),
        n=fit.integer("n", at_least=1, at_most=_MOST),
    )
    fit.close()
    return found
