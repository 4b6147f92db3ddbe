"""Whatever Envoy refuses, and in whatever words: it is heard, nothing of it stays, and its reason is told."""

import asyncio
import copy
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from marskit.mesh.envoy.publisher import Resources
from marskit.mesh.envoy.refusals import reason_in
from marskit.mesh.port import Applied, MeshError, Rejected
from tests.mesh.envoy.one_edge import Bench, made_in

pytestmark = pytest.mark.mesh

NUMBER = 9_999_999_999
ADDRESS = {"socket_address": {"address": "no address", "port_value": 1}}
ENDPOINT = {"lb_endpoints": [{"endpoint": {"address": ADDRESS}}]}
# What is wrong, the file, the path to the field, its value, and words of the reason.
SPOILT: dict[str, tuple[str, tuple[Any, ...], Any, str]] = {
    "a number beyond its type, cluster": (
        "cds.json",
        ("circuit_breakers", "thresholds", 0, "max_connections"),
        NUMBER,
        "max_connections",
    ),
    "a name left empty": ("cds.json", ("name",), "", "ClusterValidationError.Name"),
    "a file that does not exist": (
        "cds.json",
        ("eds_cluster_config", "eds_config", "path_config_source", "path"),
        "/nowhere/eds.json",
        "'/nowhere/eds.json' does not exist",
    ),
    "an unknown field": ("cds.json", ("colour",), "blue", "colour"),
    "a status out of range": (
        "rds-edge.json",
        ("virtual_hosts", 0, "routes", 0, "direct_response", "status"),
        99,
        "DirectResponseActionValidationError.Status",
    ),
    "a number beyond its type, route": (
        "rds-edge.json",
        ("virtual_hosts", 0, "retry_policy"),
        {"num_retries": NUMBER},
        "num_retries",
    ),
    "a regex that is none": (
        "rds-edge.json",
        ("virtual_hosts", 0, "routes", 0, "match"),
        {"safe_regex": {"regex": "(?=a)"}},
        "invalid perl operator",
    ),
    "a header that may not be changed": (
        "rds-edge.json",
        ("virtual_hosts", 0, "request_headers_to_remove"),
        [":path"],
        ":-prefixed",
    ),
    "the same host twice": ("rds-edge.json", ("virtual_hosts", 0, "domains"), ["a", "a"], "unique"),
    "a filter that does not exist": (
        "lds.json",
        ("listener_filters",),
        [{"name": "nobody.knows.it"}],
        "nobody.knows.it",
    ),
    "text in place of an object": ("lds.json", ("address",), "everywhere", "lds.json"),
    "an address that is none": ("eds-stock.json", ("endpoints",), [ENDPOINT], "no address"),
    "a factor below its least": (
        "eds-stock.json",
        ("policy",),
        {"overprovisioning_factor": 0},
        "OverprovisioningFactor",
    ),
}


def spoilt(bench: Bench, what: str, **changes: Any) -> Resources:
    file, path, value, _ = SPOILT[what]
    resources = copy.deepcopy(dict(bench.resources(**changes)))
    place: Any = resources[file][0]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return resources


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with made_in(tmp_path) as made:
        await made.publisher.start(made.resources())
        yield made


@pytest.mark.parametrize("what", SPOILT)
async def test_a_start_ends_with_envoys_reason_in_one_sentence(tmp_path: Path, what: str) -> None:
    async with made_in(tmp_path) as bench:
        with pytest.raises(MeshError, match=r"^Envoy refused the configuration: ") as caught:
            await bench.publisher.start(spoilt(bench, what))
    sentence = str(caught.value)
    assert SPOILT[what][3] in sentence
    assert "\n" not in sentence
    assert len(sentence) < 900
    assert '"@type"' not in sentence


async def test_a_change_of_any_kind_is_refused_for_its_own_reason_and_leaves_nothing(bench: Bench) -> None:
    """One Envoy for all of them, so that each could be given the reason of an earlier one."""
    for what, (*_, words) in SPOILT.items():
        # Clusters are read before routes: half of the change would be in force.
        outcome = await bench.publisher.publish(spoilt(bench, what, body=what, most=7))
        assert isinstance(outcome, Rejected), (what, outcome)
        others = {each[3] for each in SPOILT.values() if each[3] not in words and words not in each[3]}
        assert words in outcome.reason, what
        assert not [other for other in others if other in outcome.reason and other != "lds.json"], what
        assert await bench.most_connections() == 100, what
        assert (await bench.get()).body == b"one", what
        generation = bench.publisher.generation
        assert generation.accepted == generation.pushed == generation.effective
        assert generation.rejected_reason == outcome.reason
    outcome = await bench.publisher.publish(bench.resources(body="two", most=8))
    assert isinstance(outcome, Applied)
    assert outcome.effective_after_ms is not None
    assert (await bench.get()).body == b"two"
    assert await bench.most_connections() == 8
    assert bench.publisher.generation.rejected_reason is None


async def test_what_was_refused_is_tried_anew_when_it_is_asked_for_again(bench: Bench) -> None:
    for _ in range(2):
        assert isinstance(await bench.publisher.publish(bench.resources(most=NUMBER)), Rejected)
    assert isinstance(await bench.publisher.publish(bench.resources()), Applied)


async def test_a_port_that_a_change_needs_and_another_program_has(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port, bench.port = bench.port, taken.getsockname()[1]
        outcome = await bench.publisher.publish(bench.resources())
        bench.port = port
        assert isinstance(outcome, Rejected)
        assert "Address already in use" in outcome.reason
        assert (await bench.get()).body == b"one"


async def test_a_restarted_envoy_without_its_port_is_told_and_started_until_it_has_it(bench: Bench) -> None:
    pid = bench.proxy.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        async with asyncio.timeout(5):
            while True:
                try:
                    squatter.bind(("127.0.0.1", bench.port))
                    break
                except OSError:
                    await asyncio.sleep(0)
        squatter.listen()
        async with asyncio.timeout(10):
            while not any("Address already in use" in said for said in bench.sentences):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert "Envoy is running again" not in bench.sentences
    async with asyncio.timeout(10):
        while "Envoy is running again" not in bench.sentences:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await bench.get()).body == b"one"


async def test_a_gateway_that_does_not_answer_does_not_count_as_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marskit.mesh.envoy.publisher.START_TIMEOUT_S", 1.0)
    async with made_in(tmp_path) as bench:
        resources = dict(bench.resources())
        # Envoy takes it, and closes every connection.
        listener = copy.deepcopy(dict(resources["lds.json"][0]))
        listener["filter_chains"][0]["filter_chain_match"] = {"server_names": ["elsewhere"]}
        listener["address"]["socket_address"]["port_value"] += 1
        resources["lds.json"] = [listener]
        with pytest.raises(MeshError, match=rf"^Envoy does not come up: .*127\.0\.0\.1:{bench.port}"):
            await bench.publisher.start(resources)


def test_the_reason_is_what_was_said_last_after_the_offset(tmp_path: Path) -> None:
    log = tmp_path / "envoy.log"
    head = "[2026-11-30 22:43:32.826][12304]"
    first = f"{head}[warning][config] [source/a.cc:81] Filesystem config update rejected: one\n"
    second = f"{head}[critical][main] [source/b.cc:1] something new\nover two lines\n"
    log.write_text(first + second)
    assert reason_in(log, 0) == "one"
    assert reason_in(log, len(first)) == "something new over two lines"
    assert reason_in(log, len(first + second)) == ""
    # Truncated since.
    assert reason_in(log, 10_000) == "one"
    assert reason_in(tmp_path / "none.log", 0) == ""
    log.write_text(f"{head}[info][config] [source/a.cc:1] all is well\n")
    assert reason_in(log, 0) == ""
