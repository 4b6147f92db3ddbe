"""Names and values of headers: what HTTP, Istio and Envoy do not take is refused by field."""

from pathlib import Path

import pytest

from marskit.mesh.manifests.header_commands import wrong_commands
from tests.mesh.manifests.desk import told

VALUES = [
    *("", "plain", "100%%", "%%HOSTNAME%%", "%HOSTNAME%", "a %REQ(x-user)% b", "%REQ(:AUTHORITY?x-host):5%"),
    *(
        "%START_TIME%",
        "%START_TIME(%s)%",
        '%UPSTREAM_METADATA(["a","b"])%',
        "%DYNAMIC_METADATA(a:b)%",
        "x\ty",
    ),
    *("%PROTOCOL%%DURATION%", "%PATH(NQ)%", "%ENVIRONMENT(HOME)%", "Zoë", "用户", "%BYTES_RECEIVED%:3"),
]
WRONG_VALUES = {
    "-----BEGIN%20CERT-----%0AMIIC": "%20",
    "50%": "%",
    "%": "%",
    "%%%": "%",
    "%NOPE%": "%NOPE%",
    "%hostname%": "%ho",
    "%HOSTNAME": "%HO",
    "%HOSTNAME%%": "%",
    "% HOSTNAME%": "% H",
    "%REQ()%": "%REQ()%",
    "%REQ%": "%REQ%",
    "%REQ(a?b?c)%": "%REQ(a?b?c)%",
    "%REQ(a%": "%RE",
    "%DURATION(1)%": "%DURATION(1)%",
    "%DURATION:3%": "%DURATION:3%",
    "a%2Fb%2Fc": "%2F",
}


@pytest.mark.parametrize("value", VALUES)
def test_values_that_envoy_takes(value: str) -> None:
    assert list(wrong_commands(value)) == []


@pytest.mark.parametrize("value", WRONG_VALUES)
def test_the_command_that_is_none_is_named(value: str) -> None:
    assert next(wrong_commands(value)) == WRONG_VALUES[value]


@pytest.mark.parametrize("place", ["request: {set", "request: {add", "response: {set", "response: {add"])
@pytest.mark.parametrize("indent", ["route", "destination"])
def test_a_wrong_value_is_refused_wherever_headers_are_changed(
    place: str, indent: str, tmp_path: Path
) -> None:
    headers = f'headers: {{{place}: {{x-cert: "a%20b"}}}}}}'
    route = (
        f"[{{destination: {{host: desk}}, {headers}}}]"
        if indent == "destination"
        else "[{destination: {host: desk}}]"
    )
    rule = f"route: {route}" if indent == "destination" else f"{headers}\n      route: {route}"
    (sentence,) = told(tmp_path, rule)
    where = "spec.http[0].route[0]" if indent == "destination" else "spec.http[0]"
    assert sentence == (
        f'{where}.headers.{place.replace(": {", ".")}.x-cert is "a%20b", but must be a value in which every'
        " % is doubled or encloses a command of Envoy, such as %HOSTNAME%; %20 is none"
    )


@pytest.mark.parametrize("name", ["x y", "x:y", "", "x\\u00e4", "x(y)", "x\\ny", "a/b"])
def test_what_is_no_name_of_a_header(name: str, tmp_path: Path) -> None:
    set_, removed, matched = (
        told(tmp_path, f"{rule}\n      route: [{{destination: {{host: desk}}}}]")
        for rule in (
            f'headers: {{request: {{set: {{"{name}": v}}}}}}',
            f'headers: {{response: {{remove: ["{name}"]}}}}',
            f'match: [{{headers: {{"{name}": {{exact: v}}}}}}]',
        )
    )
    assert len(set_) == len(removed) == len(matched) == 1
    assert "has a key that is not the name of a header" in set_[0]
    assert "remove[0] is " in removed[0]
    assert "spec.http[0].match[0].headers" in matched[0]


@pytest.mark.parametrize("name", ["x-a", "X_A", "x.a", "`~!#$%&'*+-.^_|", "7"])
def test_every_token_is_the_name_of_a_header(name: str, tmp_path: Path) -> None:
    quoted = '"' + name + '"'
    rule = f"headers: {{request: {{set: {{{quoted}: v}}, remove: [{quoted}]}}}}"
    assert told(tmp_path, f"{rule}\n      route: [{{destination: {{host: desk}}}}]") == []
    rule = f"match: [{{headers: {{{quoted}: {{exact: v}}}}, withoutHeaders: {{{quoted}: {{prefix: v}}}}}}]"
    assert told(tmp_path, f"{rule}\n      route: [{{destination: {{host: desk}}}}]") == []


@pytest.mark.parametrize("conditions", ["headers", "withoutHeaders"])
@pytest.mark.parametrize(
    "claim", ["@request.auth.claims.groups", "@request.auth.claims[a][b]", "@request.auth.principal"]
)
def test_claims_of_tokens_are_not_headers(conditions: str, claim: str, tmp_path: Path) -> None:
    rule = f'match: [{{{conditions}: {{"{claim}": {{exact: team-a}}}}}}]'
    (sentence,) = told(tmp_path, f"{rule}\n      route: [{{destination: {{host: desk}}}}]")
    assert f'{conditions}["{claim}"] is a claim of a token and not a header' in sentence


@pytest.mark.parametrize(
    ("operations", "field"),
    [
        ('request: {remove: [":path"]}', "request.remove[0]"),
        ("request: {remove: [HOST]}", "request.remove[0]"),
        ('request: {set: {":method": GET}}', 'request.set[":method"]'),
        ("response: {add: {host: a}}", "response.add.host"),
        ('response: {set: {":status": "200"}}', 'response.set[":status"]'),
    ],
)
def test_what_envoy_does_not_change(operations: str, field: str, tmp_path: Path) -> None:
    rule = f"headers: {{{operations}}}\n      route: [{{destination: {{host: desk}}}}]"
    (sentence,) = told(tmp_path, rule)
    assert sentence.startswith(f"spec.http[0].headers.{field} would change ")


def test_the_authority_can_be_set_and_matched(tmp_path: Path) -> None:
    rule = (
        'headers: {request: {set: {Host: other.test}}}\n      match: [{headers: {":authority": {exact: a}}}]'
    )
    assert told(tmp_path, f"{rule}\n      route: [{{destination: {{host: desk}}}}]") == []


@pytest.mark.parametrize("letter", ["\\u0007", "\\n", "\\r", "\\u007f"])
def test_control_characters_are_refused(letter: str, tmp_path: Path) -> None:
    rule = f'headers: {{request: {{set: {{x-a: "v{letter}w"}}}}}}'
    (sentence,) = told(tmp_path, f"{rule}\n      route: [{{destination: {{host: desk}}}}]")
    assert "a value without control characters" in sentence


@pytest.mark.parametrize("condition", ["headers: {x-a: ", "withoutHeaders: {x-a: ", "queryParams: {q: "])
def test_an_empty_prefix_is_refused(condition: str, tmp_path: Path) -> None:
    rule = f'match: [{{{condition}{{prefix: ""}}}}}}]\n      route: [{{destination: {{host: desk}}}}]'
    (sentence,) = told(tmp_path, rule)
    assert sentence.endswith('.prefix is "", but must be a string that is not empty')
