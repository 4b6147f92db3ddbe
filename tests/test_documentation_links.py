"""The documentation's links lead somewhere, and the commands and contracts that it names exist."""

import argparse
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from marskit.cli.main import COMMANDS, DEFAULT, main
from marskit.knowledge.questions.catalogue import QUESTIONS
from tests.paths import ROOT

PAGES = (
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
    *sorted((ROOT / "notebooks").rglob("*.md")),
    ROOT / "locust" / "README.md",
    *sorted((ROOT / "notebooks").rglob("*.md")),
)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_BENCHMARK = re.compile(r"\bbenchmarks\.(?!md\b)([a-z_]+)")
_INLINE_TARGET = re.compile(r"`make ([a-z0-9-]+)")
_FENCED_TARGET = re.compile(r"^(?:\$ )?make ([a-z0-9-]+)", re.MULTILINE)
_COMMAND = re.compile(r"^(?:\$ )?(?:marskit|python main\.py)(?: (.*))?$")
_RULE = re.compile(r"^([a-z0-9-]+):", re.MULTILINE)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def _anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return frozenset(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain)


def _broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and anchor not in _anchors(target):
            yield f"{link}: no such heading"


@pages
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert not list(_broken(page))


def test_a_broken_link_and_a_broken_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `thing`, twice\n[a](#one-thing-twice) [b](#two) [c](no.md) [d](https://x.y/z)\n")
    assert list(_broken(page)) == ["#two: no such heading", "no.md: no such file"]


@pages
def test_every_benchmark_that_is_named_exists(page: Path) -> None:
    named = set(_BENCHMARK.findall(page.read_text(encoding="utf-8")))
    assert not {name for name in named if find_spec(f"benchmarks.{name}") is None}


@pages
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = _RULE.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    named = {*_INLINE_TARGET.findall(text), *_FENCED_TARGET.findall("\n".join(_FENCE.findall(text)))}
    assert named <= set(targets)


def _commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every marskit command in a page's code blocks."""
    for block in _FENCE.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if found := _COMMAND.match(line):
                arguments = shlex.split(found[1] or "", comments=True)
                yield [argument for argument in arguments if argument not in ("--help", "--version")]


@pages
def test_every_command_that_is_shown_is_understood(page: Path) -> None:
    for arguments in _commands(page):
        name = arguments.pop(0) if arguments and arguments[0] in COMMANDS else DEFAULT
        parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
        import_module(COMMANDS[name][0]).add_options(parser)
        assert parser.parse_known_args(arguments)[1] == [], f"{name} {arguments}"


def test_the_readme_has_every_planner(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["planners"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:1].isalpha()}
    table = re.findall(
        r"^\| (`[a-z`, ]+`) \| ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name for cell in table for name in re.findall(r"`([a-z]+)`", cell)} == listed


def test_the_page_on_knowledge_has_every_question() -> None:
    page = (ROOT / "docs" / "knowledge.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == list(QUESTIONS)


def test_every_benchmark_has_a_row_that_says_what_it_prints() -> None:
    """A command is a module with a main guard; the others only help."""
    commands = {
        module.stem
        for module in (ROOT / "benchmarks").glob("*.py")
        if '__name__ == "__main__"' in module.read_text(encoding="utf-8")
    }
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:benchmarks)?\.([a-z_]+)[ `]", page))
    assert named >= commands


def test_what_the_benchmark_page_says_of_make_bench_is_true() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = set(re.findall(r"^\t\$\(PY\) -m benchmarks\.([a-z_]+)$", recipe, re.MULTILINE))
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`benchmarks\..+?) \| (yes|no) \|", page, re.MULTILINE)
    said = {(name, answer) for names, answer in rows for name in re.findall(r"\.([a-z_]+)[ `]", names)}
    assert {name for name, answer in said if answer == "yes"} == made
    assert not {name for name, answer in said if answer == "no"} & made


def _contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return contracts


def test_the_architecture_has_the_words_of_the_contracts() -> None:
    text = " ".join((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split())
    assert not [contract["name"] for contract in _contracts() if contract["name"] not in text]
    inner = [contract for contract in _contracts() if contract["type"] == "layers"][1:]
    # What is in parentheses is still to come.
    said = [" > ".join(f"`{re.sub(r' [|] [(].*?[)]', '', layer)}`" for layer in c["layers"]) for c in inner]
    assert not [layers for layers in said if layers not in text]


def test_the_architecture_has_every_room_on_its_floor() -> None:
    floors = [re.findall(r"(?<!\()\b[a-z]+\b(?!\))", layer) for layer in _contracts()[0]["layers"]]
    table = re.findall(
        r"^\| (\d*) *\| ([`a-z, ]+) \|", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    found: dict[int, list[str]] = {}
    floor = 0
    for number, rooms in table:
        floor = int(number or floor)
        found.setdefault(floor, []).extend(re.findall(r"`([a-z]+)`", rooms))
    there = [sorted(rooms) for rooms in floors if rooms]
    assert [sorted(found[n]) for n in sorted(found, reverse=True)] == there
