from pathlib import Path

from marskit.load.scenario import Scenario, load_scenario

REQUEST = """
[[request]]
name = "order"
method = "POST"
path = "/orders"
weight = 3
json = { item = "book", quantity = 1 }
expect_status = [201]

[[request]]
name = "list"
method = "GET"
path = "/orders"
"""


def scenario_text(arrival: str, *, head: str = "", requests: str = REQUEST) -> str:
    defaults = {
        "title": '"Test"',
        "description": '"For a test."',
        "duration_s": "100",
        "speed": "1",
        "users": "10",
    }
    for line in head.splitlines():
        key, _, value = line.partition(" = ")
        defaults[key] = value
    top = "\n".join(f"{key} = {value}" for key, value in defaults.items() if value)
    return f"{top}\n[arrival]\n{arrival}\n{requests}"


def write_scenario(folder: Path, arrival: str, *, head: str = "", requests: str = REQUEST) -> Path:
    file = folder / "test.toml"
    file.write_text(scenario_text(arrival, head=head, requests=requests))
    return file


def a_scenario(folder: Path, arrival: str, *, head: str = "", requests: str = REQUEST) -> Scenario:
    return load_scenario(write_scenario(folder, arrival, head=head, requests=requests))
