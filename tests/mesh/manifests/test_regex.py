"""Regular expressions are RE2's, wherever a manifest has one."""

from pathlib import Path

import pytest

from marskit.mesh.manifests.regex import LARGEST_PROGRAM, matches, problem, substitution_problem
from tests.mesh.manifests.desk import told

VALID = [
    *("^/a/(.*)$", r"\d+", "(?i)abc", "^(?i)/desk/.*", "(?P<id>[a-z]+)", "(?<id>[a-z]+)", r"\pL+.*", "a|"),
    *("[[:alpha:]]+(:[0-9]+)?", r"a\\1", r"\z", r"\Qa+b\E", "(?U)a+", "a{1000}", r"\C", r"[^\p{Greek}]"),
]
INVALID = [
    *("(", "a**", "a++", r"/a\d++", "a(?=b)", "(?<!a)b", r"(a)\1", "[z-a]", "*", "a{1001}", "(?P<n>a"),
    *("((a{100}){100}){100}", r"\Z", r"\h", "(?>a)", "(?#c)a", "[[:letter:]]", r"\p{Klingon}", "x" * 1025),
]
"""Python takes some of them, and not some of those above."""

CONDITIONS = {
    "uri": 'uri: {regex: "%s"}',
    "headers.x-a": 'headers: {x-a: {regex: "%s"}}',
    "withoutHeaders.x-a": 'withoutHeaders: {x-a: {regex: "%s"}}',
    "queryParams.q": 'queryParams: {q: {regex: "%s"}}',
    "authority": 'authority: {regex: "%s"}',
    "scheme": 'scheme: {regex: "%s"}',
    "method": 'method: {regex: "%s"}',
}
ROUTE = "\n      route: [{destination: {host: desk}}]"


@pytest.mark.parametrize("pattern", VALID)
def test_expressions_of_re2(pattern: str) -> None:
    assert problem(pattern) is None


@pytest.mark.parametrize("pattern", INVALID)
def test_expressions_that_re2_does_not_have(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert problem(pattern) is not None
    assert capfd.readouterr().err == ""


def test_the_reason_is_that_of_re2() -> None:
    assert problem("/a\\d++") == "a regular expression of RE2 (bad repetition operator: ++)"


def test_a_program_that_envoy_would_find_too_large() -> None:
    reason = problem("(" + "[^a]{1000}" * 40 + ")")
    assert reason is not None
    assert f"Envoy allows {LARGEST_PROGRAM}" in reason


@pytest.mark.parametrize("field", CONDITIONS)
def test_every_condition_takes_what_re2_takes(field: str, tmp_path: Path) -> None:
    quoted = r"\\pL+[[:alpha:]]*(?i)x"
    assert told(tmp_path, f"match: [{{{CONDITIONS[field] % quoted}}}]" + ROUTE) == []
    (sentence,) = told(tmp_path, f"match: [{{{CONDITIONS[field] % 'a(?=b)'}}}]" + ROUTE)
    assert sentence == (
        f'spec.http[0].match[0].{field}.regex is "a(?=b)", but must be a regular expression of RE2'
        " (invalid perl operator: (?=)"
    )


def test_origins_and_rewrites_take_what_re2_takes(tmp_path: Path) -> None:
    origin = r'corsPolicy: {allowOrigins: [{regex: "https://\\pL+\\.test"}]}'
    assert told(tmp_path, origin + ROUTE) == []
    assert len(told(tmp_path, origin.replace(r"\\pL+", "(?<!a)b") + ROUTE)) == 1
    rewrite = r'rewrite: {uriRegexRewrite: {match: "^/(\\pL+)/(.*)$", rewrite: "/\\2/\\1"}}'
    assert told(tmp_path, rewrite + ROUTE) == []
    assert len(told(tmp_path, rewrite.replace(r"\\pL+", "a++") + ROUTE)) == 1
    assert told(tmp_path, rewrite.replace(r"\\2", r"\\3") + ROUTE) == [
        r'spec.http[0].rewrite.uriRegexRewrite.rewrite is "/\\3/\\1", but must be a replacement whose groups'
        r" exist: \3 is not one of \0 to \2"
    ]


@pytest.mark.parametrize(
    ("pattern", "substitution", "valid"),
    [
        ("(a)(b)", r"\2\1\0", True),
        ("(a)(b)", r"\\3", True),
        ("(a)(b)", r"\3", False),
        ("(?:a)(b)", r"\2", False),
        ("(?P<n>a)", r"\1", True),
        ("a", r"\0", True),
        ("a", "x\\", False),
        ("a", r"\n", False),
        ("a", r"\10", False),
        ("(a)", r"\10", True),
        ("a", "$1", True),
    ],
)
def test_groups_of_a_replacement(pattern: str, substitution: str, *, valid: bool) -> None:
    assert (substitution_problem(pattern, substitution) is None) is valid


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("stock", "stock:80", False),
        (r"\pL+.*", "stock:80", True),
        ("(?i)STOCK", "stock", True),
        ("a|ab", "ab", True),
    ],
)
def test_whole_strings_match(pattern: str, text: str, *, expected: bool) -> None:
    assert matches(pattern, text) is expected
