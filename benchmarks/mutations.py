"""Draws manifests at random: what `check` accepts must start on Envoy, and every refusal must have a place.

Run: `python -m benchmarks.mutations [--count N] [--seed N] [--keep FOLDER]`
"""

import argparse
import asyncio
import copy
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.paths import ROOT
from benchmarks.report import Figure, show
from marskit.errors import UserError
from marskit.mesh.envoy.binaries import envoy_binary
from marskit.mesh.envoy.proxy import Proxy
from marskit.mesh.envoy.publisher import Publisher
from marskit.mesh.envoy.resources.entrances import PROBE_HEADER, PROBE_PATH, routes_file
from marskit.mesh.envoy.resources.render import expressible_listeners, render
from marskit.mesh.envoy.validation import refusal
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.port import MeshError
from marskit.system.free_ports import LOOPBACK, PortPicker
from marskit.system.local_http import HttpClient
from marskit.system.processes import Children

BEHAVIOURS = ROOT / "tests" / "mesh" / "envoy" / "resources" / "behaviours"
TOPICS = ("matches", "changes", "traffic", "entrances")
ISTIO = "networking.istio.io/v1"
TOKEN = "token"
BESIDE = object()
"""The key of all mappings."""
_PLACED = re.compile(r"^\S+\.yaml:\d+: \S")
_FIELD = re.compile(r"^\S+\.yaml:\d+: \w+ \S+: spec\S+ is refused by Envoy: ")

TEXTS = (
    *("", " ", "*", "-", "/", "a", "a b", "ä", "\x7f", "x\ny", "x" * 300, "%", "%%", "%20", "%REQ(x)%"),
    *("%START_TIME%", "%NOPE%", "100%", "(?=x)", "(", "[", "a{2000}", "(a{1000}){1000}", "\\pL+"),
    *("[[:alpha:]]", "(?i)x", "\\1", "\\9", "x-a", ":path", "host", "Host", ":authority", "x y"),
    *("content-length", "connection", "transfer-encoding", "0s", "1ms", "1.5s", "1h", "999999h"),
    *("9999999999h", "5xx", "503", "reset,503", "a.b", "*.a", "a.*", "a:80", "till", "shop", "town/gate"),
    *("mesh", "http://a", "HTTP", "GET", "/a//b", "/a?b#c", "/%zz", "0.0.0.0", "[::1]"),
)
NUMBERS = (
    *(-1, 0, 1, 2, 99, 100, 101, 200, 304, 599, 600, 8080, 65535, 65536),
    *(2**31 - 1, 2**31, 2**32, 2**63, 10**30),
    *(0.00001, 0.5, 1e300, float("inf"), float("nan")),
)
VALUES: tuple[Any, ...] = (*TEXTS, *NUMBERS, None, True, False, [], {}, ["*"], {"exact": "a"}, {"value": 50})


@dataclass(slots=True)
class Tally:
    """What became of the draws."""

    refused: int = 0
    """By our own checks."""
    refused_by_envoy: int = 0
    """By Envoy in `check`."""
    without_place: list[str] = field(default_factory=list)
    started: int = 0
    not_started: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Errors that are not the user's."""
    reasons: Counter[str] = field(default_factory=Counter)


def main() -> int:
    """Draw, check and start; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for manifests that broke a promise")
    parsed = parser.parse_args()
    tally, begin_s = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="marskit-") as folder:
        for number, documents in enumerate(draws(random.Random(parsed.seed), parsed.count)):
            file = Path(folder) / "drawn.yaml"
            file.write_text(yaml.safe_dump_all(documents, allow_unicode=True), encoding="utf-8")
            broken = try_one(file, tally)
            if broken and parsed.keep:
                parsed.keep.mkdir(parents=True, exist_ok=True)
                (parsed.keep / f"{number}.yaml").write_text(f"# {broken}\n{file.read_text(encoding='utf-8')}")
    for sentence in (*tally.not_started, *tally.without_place, *tally.faults):
        print(sentence)
    for reason, times in tally.reasons.most_common():
        print(f"{times:>5}  refused by Envoy alone: {reason}")
    took_s = time.monotonic() - begin_s
    accepted = tally.started + len(tally.not_started)
    return show(
        f"{parsed.count} manifests drawn at random (seed {parsed.seed}, {took_s:.0f} s)",
        [
            Figure("refused by our own checks", str(tally.refused), "", None),
            Figure("refused by Envoy in check", str(tally.refused_by_envoy), "", None),
            Figure(
                "refusals without file and line, or by Envoy without the field",
                str(len(tally.without_place)),
                "0",
                not tally.without_place,
            ),
            Figure("accepted and started", f"{tally.started} of {accepted}", "all", not tally.not_started),
            Figure("tracebacks", str(len(tally.faults)), "0", not tally.faults),
        ],
    )


def draws(random_: random.Random, count: int) -> Iterator[list[Any]]:
    """The base mesh with the objects of one behaviour, changed at one to three places."""
    base = list(yaml.safe_load_all((BEHAVIOURS / "base.yaml").read_text(encoding="utf-8")))
    behaviours = [
        objects_of(behaviour)
        for topic in TOPICS
        for behaviour in yaml.safe_load((BEHAVIOURS / f"{topic}.yaml").read_text(encoding="utf-8"))
    ]
    pieces: dict[Any, list[Any]] = {BESIDE: []}
    for container, key in (place for objects in behaviours for place in places_in(objects)):
        pieces.setdefault(key, []).append(container[key])
        if isinstance(container[key], dict):
            pieces[BESIDE].append(container[key])
    for _ in range(count):
        objects = copy.deepcopy(random_.choice(behaviours))
        for _ in range(random_.choice((1, 1, 2, 3))):
            mutate(objects, random_, pieces)
        yield [*base, *objects]


def objects_of(behaviour: Mapping[str, Any]) -> list[Any]:
    """The objects of Istio that a behaviour stands for."""
    subsets = [{"name": name, "labels": {"version": name}} for name in ("food", "music")]
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    found = [*behaviour.get("objects", ())]
    if "http" in behaviour:
        found.append(virtual_service("outside", ["*"], ["gate"], behaviour["http"]))
    if "mesh" in behaviour:
        found.append(virtual_service("inside", ["shop"], ["mesh"], behaviour["mesh"]))
    if all(each["kind"] != "Gateway" for each in found):
        found.append({"kind": "Gateway", "metadata": {"name": "gate"}, "spec": {"servers": [server]}})
    rule = {"host": "shop", "subsets": subsets, **behaviour.get("rule", {})}
    found.append({"kind": "DestinationRule", "metadata": {"name": "shop"}, "spec": rule})
    return [{"apiVersion": ISTIO, **each} for each in found]


def virtual_service(name: str, hosts: list[str], gateways: list[str], http: Any) -> dict[str, Any]:
    """A VirtualService."""
    spec = {"hosts": hosts, "gateways": gateways, "http": http}
    return {"kind": "VirtualService", "metadata": {"name": name}, "spec": spec}


def mutate(objects: list[Any], random_: random.Random, pieces: Mapping[Any, Sequence[Any]]) -> None:
    """Change one place in a spec, mostly to what may stand there."""
    places = [place for each in objects for place in places_in(each["spec"])]
    container, key = random_.choice(places)
    present = container[key]
    match random_.choice(("kind", "kind", "piece", "piece", "add", "add", "any", "drop", "key", "repeat")):
        case "kind" if isinstance(present, str):
            container[key] = random_.choice(TEXTS)
        case "kind" if isinstance(present, int | float):
            container[key] = random_.choice(NUMBERS)
        case "piece" | "kind":
            container[key] = copy.deepcopy(random_.choice(pieces.get(key, VALUES)))
        case "add" if isinstance(container, dict):
            # Whatever stands beside this key elsewhere.
            others = [piece for piece in pieces[BESIDE] if key in piece] or [{}]
            container.update(copy.deepcopy(random_.choice(others)) | container)
        case "drop":
            del container[key]
        case "key" if isinstance(container, dict):
            container[random_.choice(TEXTS)] = container.pop(key)
        case "repeat" if isinstance(container, list):
            container.append(copy.deepcopy(present))
        case _:
            container[key] = copy.deepcopy(random_.choice(VALUES))


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree, as its container and key."""
    keys: list[Any] = list(value) if isinstance(value, dict) else []
    keys = list(range(len(value))) if isinstance(value, list) else keys
    for key in keys:
        yield value, key
        yield from places_in(value[key])


def try_one(file: Path, tally: Tally) -> str:
    """Check one file, and start what is accepted; the promise that was broken, if one was."""
    try:
        try:
            config = load_mesh([file])
            expressible_listeners(config)
        except UserError as error:
            tally.refused += 1
            return _misplaced(str(error), _PLACED, tally)
        if refused := refusal(config):
            tally.refused_by_envoy += 1
            tally.reasons[str(refused).partition(" is refused by Envoy: ")[2][-160:]] += 1
            return _misplaced(str(refused), _FIELD, tally)
        complaint = asyncio.run(start(config))
    except Exception as error:
        tally.faults.append(f"{type(error).__name__}: {error}")
        return tally.faults[-1]
    if complaint:
        tally.not_started.append(complaint)
    else:
        tally.started += 1
    return complaint


def _misplaced(sentences: str, form: re.Pattern[str], tally: Tally) -> str:
    """The first sentence that does not say where it is; none if all do."""
    for sentence in sentences.splitlines():
        if not form.match(sentence):
            tally.without_place.append(sentence)
            return sentence
    return ""


async def start(config: MeshConfig) -> str:
    """Start Envoy with the configuration, as a run does; why it does not serve, or nothing."""
    places, picker, children, client = expressible_listeners(config), PortPicker(), Children(), HttpClient()
    ports = {place.name: picker.pick() for place in places}
    probes = {routes_file(place): f"http://{LOOPBACK}:{ports[place.name]}{PROBE_PATH}" for place in places}
    with tempfile.TemporaryDirectory(prefix="marskit-") as name:
        folder = Path(name)
        proxy = Proxy(
            envoy_binary(),
            xds=folder,
            log=folder / "envoy.log",
            children=children,
            report=lambda *_: None,
            restored=_nothing,
        )
        publisher = Publisher(folder, proxy, client, probes=probes, probe_headers={PROBE_HEADER: TOKEN})
        try:
            await publisher.start(
                render(
                    config,
                    listeners=places,
                    ports=ports,
                    endpoints=(),
                    directory=folder,
                    probe_token=TOKEN,
                )
            )
        except MeshError as error:
            return str(error)
        finally:
            await proxy.stop()
            await children.close(grace_s=1)
            await client.close()
    return ""


async def _nothing() -> str:
    return ""


if __name__ == "__main__":
    raise SystemExit(main())
