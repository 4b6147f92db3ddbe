import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from marskit.demo import SCENARIOS
from marskit.load.curves import Spike, Steady, Trace
from marskit.load.scenario import ScenarioError, find_scenario, list_scenarios, load_scenario
from tests.load.scenarios import a_scenario, write_scenario

STEADY = 'kind = "steady"\nbase_requests_per_s = 30'
SPIKE = 'kind = "spike"\nbase_requests_per_s = 30\npeak_requests_per_s = 110\nfrom_s = 40\n'
GET = '[[request]]\nname = "a"\nmethod = "GET"\npath = "/"\n'
NAMES = ("canary", "diurnal", "flash-crowd", "on-off", "ramp", "rush-hours", "spike", "steady", "trace")


def test_the_shipped_scenarios_are_these() -> None:
    assert list_scenarios() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_scenario_suits_a_small_machine(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.path == SCENARIOS / f"{name}.toml"
    assert scenario.peak_rate <= 150
    # One is for a screen that is left open.
    assert scenario.duration_s / scenario.speed <= 200 or name == "rush-hours"
    assert scenario.rate_at(0) <= 50 or name in {"on-off"}


def test_the_spike_is_too_much_for_one_replica_and_ends_within_twenty_cycles() -> None:
    scenario = load_scenario("spike")
    payments_per_replica = 50
    weights = {request.name: request.weight for request in scenario.requests}
    orders = weights["order"] / sum(weights.values())
    cycle_s = 15
    rates = [scenario.rate_at(cycle * cycle_s) * orders for cycle in range(21)]
    assert all(rate < 0.7 * payments_per_replica for rate in rates[:4])
    assert all(rate > 2 * payments_per_replica for rate in rates[4:17])
    assert all(rate < 0.7 * payments_per_replica for rate in rates[17:])


def test_a_scenario_is_read_whole(tmp_path: Path) -> None:
    requests = """
[[request]]
name = "order"
method = "POST"
path = "/orders?x=1"
weight = 2.5
headers = { x-variant = "music" }
json = { item = "book", quantity = 1, amount = 10.0, tags = [true] }
expect_status = [200, 201]
expect_headers = { x-kind = "a" }
expect_json = { "recommendation.variant" = "music", n = 1 }
"""
    scenario = a_scenario(tmp_path, SPIKE + "until_s = 60\nedge_s = 2", requests=requests)
    assert (scenario.name, scenario.title, scenario.description) == ("test", "Test", "For a test.")
    assert (scenario.duration_s, scenario.speed, scenario.users) == (100, 1, 10)
    assert scenario.curve == Spike(30, 110, 40, 60, 2)
    (request,) = scenario.requests
    assert (request.name, request.method, request.path) == ("order", "POST", "/orders?x=1")
    assert request.weight == 2.5
    assert request.headers == (("x-variant", "music"), ("content-type", "application/json"))
    assert request.body == '{"item": "book", "quantity": 1, "amount": 10.0, "tags": [true]}'
    assert request.expect_status == (200, 201)
    assert request.expect_headers == (("x-kind", "a"),)
    assert request.expect_json == (("recommendation.variant", "music"), ("n", 1))


def test_what_is_optional_has_plain_defaults(tmp_path: Path) -> None:
    listing = a_scenario(tmp_path, STEADY).requests[1]
    assert (listing.weight, listing.headers, listing.body) == (1, (), None)
    assert (listing.expect_status, listing.expect_headers, listing.expect_json) == ((), (), ())


def test_a_content_type_of_ones_own_is_kept(tmp_path: Path) -> None:
    requests = GET + 'json = 1\nheaders = { Content-Type = "text/x" }'
    assert a_scenario(tmp_path, STEADY, requests=requests).requests[0].headers == (
        ("Content-Type", "text/x"),
    )


def test_the_curve_is_level_outside_the_duration(tmp_path: Path) -> None:
    scenario = a_scenario(
        tmp_path,
        'kind = "ramp"\nbase_requests_per_s = 0\npeak_requests_per_s = 100\nfrom_s = 0\nuntil_s = 200',
    )
    assert [scenario.rate_at(t_s) for t_s in (-1, 0, 50, 100, 150)] == [0, 0, 25, 50, 50]


def test_a_trace_is_read_from_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time_s,requests_per_s\n0,10\n5.5,20\n")
    assert a_scenario(tmp_path, 'kind = "trace"\nfile = "a.csv"').curve == Trace((0, 5.5), (10, 20))


def test_find_by_name_and_by_path(tmp_path: Path) -> None:
    file = write_scenario(tmp_path, STEADY)
    assert find_scenario("spike") == SCENARIOS / "spike.toml"
    assert find_scenario(file) == file
    assert load_scenario(str(file)).curve == Steady(30)


@pytest.mark.parametrize("name", ["nope", "nope.toml", "README.md", ""])
def test_an_unknown_scenario_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(name)
    assert str(caught.value) == (
        f'Unknown scenario "{name}"; choose {", ".join(NAMES)} or the path of a .toml file.'
    )


@pytest.mark.parametrize(
    ("arrival", "head", "complaint"),
    [
        (STEADY, "speed = 0", "speed is 0; it must be a number above 0 and at most 1000"),
        (STEADY, "speed = true", "speed is True; it must be a number above 0 and at most 1000"),
        (STEADY, "speed = nan", "speed is nan; it must be a number above 0 and at most 1000"),
        (STEADY, "duration_s = inf", "duration_s is inf; it must be a number above 0 and at most 1000000"),
        (
            STEADY,
            'duration_s = "long"',
            'duration_s is "long"; it must be a number above 0 and at most 1000000',
        ),
        (STEADY, "users = 1.5", "users is 1.5; it must be a whole number from 1 to 10000"),
        (STEADY, "users = 0", "users is 0; it must be a whole number from 1 to 10000"),
        (STEADY, "title = 3", "title is 3; it must be a text of one line"),
        (STEADY, 'title = ""', 'title is ""; it must be a text of one line'),
        (STEADY, "title = ", "title is missing; it must be a text of one line"),
        (
            STEADY,
            "userz = 3",
            "userz is not a known field; "
            "known here: title, description, duration_s, speed, users, arrival, request",
        ),
        (
            'kind = "wave"',
            "",
            'arrival.kind is "wave"; '
            "it must be one of steady, ramp, diurnal, spike, flash-crowd, on-off, trace",
        ),
        (
            'kind = "steady"\nbase_requests_per_s = -1',
            "",
            "arrival.base_requests_per_s is -1; it must be a number from 0 to 1000000",
        ),
        (
            'kind = "steady"\nbase_requests_per_s = 0',
            "",
            'arrival.kind is "steady" with no rate above 0; at least one rate must be above 0',
        ),
        (
            STEADY + "\npeak = 1",
            "",
            "arrival.peak is not a known field; known here: kind, base_requests_per_s",
        ),
        (SPIKE, "", "arrival.until_s is missing; it must be a number above 40 and at most 1000000"),
        (
            SPIKE + "until_s = 30",
            "",
            "arrival.until_s is 30; it must be a number above 40 and at most 1000000",
        ),
        (
            SPIKE + "until_s = 60\nedge_s = 11",
            "",
            "arrival.edge_s is 11; it must be a number from 0 to 10",
        ),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, arrival: str, head: str, complaint: str) -> None:
    file = write_scenario(tmp_path, arrival, head=head)
    with pytest.raises(ScenarioError, match=rf"^{re.escape(str(file))}(:\d+)?: {re.escape(complaint)}$"):
        load_scenario(file)


@pytest.mark.parametrize(
    ("requests", "complaint"),
    [
        ("", "request is missing; it must be one or more [[request]] tables"),
        ("[request]\nname = 1", "request is {'name': 1}; it must be one or more [[request]] tables"),
        (
            GET + "heaviness = 1",
            "request[0].heaviness is not a known field; known here: name, method, path, weight",
        ),
        (GET + GET, 'request[0].name is "a" more than once; every request needs a unique name'),
        (GET + "weight = 0", "request[0].weight is 0; it must be a number above 0 and at most 1000000"),
        (GET.replace("GET", "get"), 'request[0].method is "get"; it must be one of GET, POST, PUT'),
        (
            GET.replace('"/"', '"orders"'),
            'request[0].path is "orders"; it must begin with / and contain only',
        ),
        (GET.replace('"/"', '"/a b"'), 'request[0].path is "/a b"; it must begin with / and contain only'),
        (GET.replace('"/"', '"//a"'), 'request[0].path is "//a"; it must begin with a single /'),
        (GET + "json = 2026-01-01", "request[0].json contains a date or a number that JSON does not support"),
        (GET + "json = nan", "request[0].json contains a date or a number that JSON does not support"),
        (GET + "headers = { a = 1 }", "request[0].headers.a is 1; it must be a text of one line"),
        (GET + 'headers = { "a b" = "c" }', "request[0].headers.a b is not a header name"),
        (GET + 'headers = { a = "b\\r\\nc: d" }', "request[0].headers.a is"),
        (GET + "headers = 1", "request[0].headers is 1; it must be a table"),
        (
            GET + "expect_status = []",
            "request[0].expect_status is []; it must be a list of whole numbers from 100",
        ),
        (
            GET + "expect_status = [99]",
            "request[0].expect_status is [99]; it must be a list of whole numbers",
        ),
        (GET + "expect_status = 200", "request[0].expect_status is 200; it must be a list of whole numbers"),
    ],
)
def test_a_wrong_request_is_named_by_its_place(tmp_path: Path, requests: str, complaint: str) -> None:
    file = write_scenario(tmp_path, STEADY, requests=requests)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert caught.value.complaints[0].file == file
    assert caught.value.complaints[0].sentence.startswith(complaint)


@pytest.mark.parametrize(
    ("csv", "complaint"),
    [
        ("", ":1: the first line must be time_s,requests_per_s"),
        ("time,rate\n0,1\n", ":1: the first line must be time_s,requests_per_s"),
        ("time_s,requests_per_s\n", ":2: the trace is empty; it must have at least one line of numbers"),
        ("time_s,requests_per_s\n0,1\n5\n", ":3: there are 1 columns; there must be 2"),
        ("time_s,requests_per_s\n0,x\n", ':2: requests_per_s is "x"; it must be a number from 0 to 1000000'),
        ("time_s,requests_per_s\n-1,1\n", ':2: time_s is "-1"; it must be a number from 0 to 1000000'),
        ("time_s,requests_per_s\n0,nan\n", ':2: requests_per_s is "nan"; it must be a number from 0'),
        (
            "time_s,requests_per_s\n0,1\n5,1\n5,2\n",
            ":4: time_s is 5; it must be above the previous line (5)",
        ),
        (b"time_s,requests_per_s\n\xff,1\n", ": the trace is not a CSV file in UTF-8: "),
    ],
)
def test_a_wrong_trace_is_named_by_file_and_line(tmp_path: Path, csv: str | bytes, complaint: str) -> None:
    trace = tmp_path / "a.csv"
    trace.write_bytes(csv.encode() if isinstance(csv, str) else csv)
    with pytest.raises(ScenarioError) as caught:
        a_scenario(tmp_path, 'kind = "trace"\nfile = "a.csv"')
    assert str(caught.value).startswith(f"{trace}{complaint}")


def test_a_missing_trace_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no\.csv: the trace cannot be read: No such file or directory$"):
        a_scenario(tmp_path, 'kind = "trace"\nfile = "no.csv"')


@pytest.mark.parametrize("text", [b"title = ", b"\xff"])
def test_what_is_not_toml_is_one_sentence(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text)
    with pytest.raises(ScenarioError, match=r"bad\.toml(:1)?: the scenario is not TOML.*: .*$"):
        load_scenario(file)


def test_the_screens_get_the_curve_as_points() -> None:
    scenario = load_scenario("spike")
    info = scenario.info()
    assert (info.name, info.title, info.duration_s, info.speed) == ("spike", "Spike", 600, 7.5)
    assert info.curve[0] == (0, 34)
    assert info.curve[-1] == (600, 34)
    assert max(rate for _, rate in info.curve) == scenario.peak_rate
    assert replace(scenario, curve=Steady(1)).info().curve[7][1] == 1


def test_reading_scenarios_needs_the_standard_library_only() -> None:
    code = (
        "import sys, marskit.load.arrivals, marskit.load.locust_process as process; "
        "process.load_scenario('spike'); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    )
    found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['__main__', 'marskit']"


def test_everything_wrong_in_a_scenario_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    lines = [
        'title = "x"',
        "duration_s = -1",
        "users = 0",
        "[arrival]",
        'kind = "wave"',
        "[[request]]",
        'name = "a"',
        'method = "get"',
        'path = "/"',
        "[[request]]",
        'name = "b"',
        'method = "GET"',
        'path = "/"',
        'headers = { x-user = "Zoë" }',
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert [(each.line, each.sentence.partition(" ")[0]) for each in caught.value.complaints] == [
        (None, "description"),
        (None, "speed"),
        (2, "duration_s"),
        (3, "users"),
        (5, "arrival.kind"),
        (8, "request[0].method"),
        (14, "request[1].headers.x-user"),
    ]


@pytest.mark.parametrize("value", ["用户", "Zoë", "é", "\\u0007", "a\\nb", " a", "a ", "\\u007f"])
def test_what_locust_cannot_send_is_refused_by_field(value: str, tmp_path: Path) -> None:
    file = write_scenario(tmp_path, STEADY, requests=GET + f'headers = {{ x-user = "{value}" }}')
    with pytest.raises(ScenarioError, match=r":\d+: request\[0\]\.headers\.x-user is "):
        load_scenario(file)


def test_a_byte_order_mark_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_bytes("\ufefftime_s,requests_per_s\r\n0,1\r\n\r\n60,5\r\n\r\n  \r\n".encode())
    file = write_scenario(tmp_path, f'kind = "trace"\nfile = "{trace.name}"')
    file.write_text("\ufeff" + file.read_text(encoding="utf-8") + "\n\n \n", encoding="utf-8")
    assert load_scenario(file).curve == Trace((0, 60), (1, 5))
