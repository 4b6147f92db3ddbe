"""Envoy's own check: what it refuses has file, line and field, at `check`, at the start and of an action.

Our own checks refuse the same earlier, so here the values are put into the typed configuration behind them.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marskit.cli.main import main
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.envoy.resources.parts import Part, parts, value_of, with_value
from marskit.mesh.envoy.validation import refusal
from marskit.mesh.manifests.istio import (
    HeaderOperations,
    Headers,
    HttpMatch,
    HttpRoute,
    MatchKind,
    Rewrite,
    StringMatch,
)
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.traffic_policy import ConsistentHash, TrafficPolicy
from marskit.mesh.port import MeshError
from marskit.timing.clock import LoopClock
from tests.mesh.manifests.shop import SHOP, changed

pytestmark = pytest.mark.mesh

BAD = "%NOT_A_COMMAND%"
NO_REGEX = StringMatch(MatchKind.REGEX, "(?=x)")
SPLIT = Part("VirtualService", "shop", "cart", ("spec", "http", 1))
BETA = Part("VirtualService", "shop", "cart", ("spec", "http", 0))
CART = Part("DestinationRule", "shop", "cart", ("spec", "trafficPolicy"))


def edited(part: Part, edit: Callable[[Any], Any], config: MeshConfig | None = None) -> MeshConfig:
    config = config or load_mesh([SHOP])
    return with_value(config, part, edit(value_of(config, part)))


def set_header(route: HttpRoute) -> HttpRoute:
    return replace(route, headers=Headers(HeaderOperations(set=(("x-fine", "a"), ("x-bad", BAD)))))


def set_header_of_destination(route: HttpRoute) -> HttpRoute:
    first, second = route.destinations
    headers = Headers(response=HeaderOperations(add=(("x-bad", BAD),)))
    return replace(route, destinations=(first, replace(second, headers=headers)))


def hash_by_long_table(policy: TrafficPolicy) -> TrafficPolicy:
    return replace(policy, consistent_hash=ConsistentHash(header="x", maglev_table_size=5_000_013))


def never_eject_for_less(policy: TrafficPolicy) -> TrafficPolicy:
    assert policy.outlier_detection is not None
    return replace(policy, outlier_detection=replace(policy.outlier_detection, max_ejection_percent=101))


CASES: dict[str, tuple[Part, Callable[[Any], Any], str]] = {
    "a header": (SPLIT, set_header, "spec.http[1].headers.request.set.x-bad"),
    "a header of a destination": (
        SPLIT,
        set_header_of_destination,
        "spec.http[1].route[1].headers.response.add.x-bad",
    ),
    "a path": (
        BETA,
        lambda route: replace(route, matches=(*route.matches, HttpMatch(uri=NO_REGEX))),
        "spec.http[0].match[1].uri",
    ),
    "a rewrite": (
        BETA,
        lambda route: replace(route, rewrite=Rewrite(uri_regex=("(?=x)", "y"))),
        "spec.http[0].rewrite.uriRegexRewrite",
    ),
    "a table": (CART, hash_by_long_table, "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize"),
    "an ejection": (CART, never_eject_for_less, "spec.trafficPolicy.outlierDetection"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_culprit_is_named_with_file_line_and_field(case: str) -> None:
    part, edit, field = CASES[case]
    error = refusal(edited(part, edit))
    assert error is not None
    [complaint] = error.complaints
    assert complaint.file == SHOP
    assert complaint.sentence.startswith(f"{part.kind} cart: {field} is refused by Envoy: ")
    assert "\n" not in str(error)
    assert len(str(error)) < 600


def test_the_line_is_that_of_the_field(tmp_path: Path) -> None:
    timeout = "      timeout: 1500ms\n"
    file = changed(tmp_path, timeout, f"{timeout}      headers: {{request: {{set: {{x-bad: a}}}}}}\n")
    error = refusal(edited(SPLIT, set_header, load_mesh([file])))
    assert error is not None
    line = 1 + file.read_text(encoding="utf-8").splitlines().index(
        "      headers: {request: {set: {x-bad: a}}}"
    )
    assert str(error).startswith(f"{file}:{line}: VirtualService cart: spec.http[1].headers")


def test_every_culprit_is_named_at_once() -> None:
    config = edited(CART, hash_by_long_table, edited(BETA, CASES["a path"][1], edited(SPLIT, set_header)))
    error = refusal(config)
    assert error is not None
    fields = [each.sentence.split(" is refused")[0].partition(": ")[2] for each in error.complaints]
    assert fields == [CASES[case][2] for case in ("a path", "a header", "a table")]


def test_what_envoy_takes_has_no_refusal() -> None:
    assert refusal(load_mesh([SHOP])) is None


def test_every_part_can_be_made_harmless() -> None:
    config = load_mesh([SHOP])
    found = parts(config)
    assert {SPLIT, BETA, CART} <= set(found)
    for part in found:
        assert value_of(with_value(config, part, None), part) is None


def test_check_asks_envoy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    config = edited(SPLIT, set_header)
    monkeypatch.setattr("marskit.assembly.inputs.load_mesh", lambda *_, **__: config)
    assert main(["check", str(SHOP)]) != 0
    assert "spec.http[1].headers.request.set.x-bad is refused by Envoy" in capsys.readouterr().err


def test_check_says_where_envoy_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> Path:
        raise MeshError("envoy is missing: install it")

    monkeypatch.setattr("marskit.mesh.envoy.validation.envoy_binary", missing)
    assert main(["check", str(SHOP)]) == 0
    assert "Envoy's own check of the configuration was left out: envoy is missing" in capsys.readouterr().out


async def test_a_start_that_envoy_refuses_names_the_place() -> None:
    mesh = EnvoyMesh(edited(SPLIT, set_header), clock=LoopClock(), seed=1)
    with pytest.raises(MeshError) as caught:
        await mesh.start(lambda _: None)
    assert str(caught.value).startswith(f"{SHOP}:")
    assert ": VirtualService cart: spec.http[1].headers.request.set.x-bad is refused by Envoy: " in str(
        caught.value
    )
