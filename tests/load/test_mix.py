import pytest

from marskit.load.mix import Request

BODY = b'{"recommendation": {"variant": "music"}, "items": [{"n": 1}], "none": null}'


def a_request(
    *,
    expect_status: tuple[int, ...] = (),
    expect_headers: tuple[tuple[str, str], ...] = (),
    expect_json: tuple[tuple[str, object], ...] = (),
) -> Request:
    return Request("a", "GET", "/", 1, (), None, expect_status, expect_headers, expect_json)


def never() -> bytes:
    raise AssertionError("the body was read although nothing is expected of it")


@pytest.mark.parametrize(
    ("expected", "status", "fault"),
    [
        ((), 200, None),
        ((), 302, None),
        ((), 404, "status is 404, expected below 400"),
        ((201,), 201, None),
        ((201,), 200, "status is 200, expected 201"),
        ((200, 404), 404, None),
        ((200, 404), 503, "status is 503, expected 200 or 404"),
    ],
)
def test_status(expected: tuple[int, ...], status: int, fault: str | None) -> None:
    assert a_request(expect_status=expected).fault(status, {}, never) == fault


def test_header() -> None:
    request = a_request(expect_headers=(("x-variant", "music"),))
    assert request.fault(200, {"x-variant": "music"}, never) is None
    assert request.fault(200, {"x-variant": "food"}, never) == "header x-variant is 'food', expected 'music'"
    assert request.fault(200, {}, never) == "header x-variant is None, expected 'music'"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("recommendation.variant", "music", None),
        ("recommendation.variant", "food", "recommendation.variant is 'music', expected 'food'"),
        ("items.0.n", 1, None),
        ("items.1.n", 1, "items.1.n is None, expected 1"),
        ("items.n", 1, "items.n is None, expected 1"),
        ("recommendation.variant.x", 1, "recommendation.variant.x is None, expected 1"),
        ("gone", "x", "gone is None, expected 'x'"),
    ],
)
def test_json(path: str, value: object, fault: str | None) -> None:
    assert a_request(expect_json=((path, value),)).fault(200, {}, lambda: BODY) == fault


def test_an_answer_that_is_not_json() -> None:
    assert a_request(expect_json=(("a", 1),)).fault(200, {}, lambda: b"<html>") == "the response is not JSON"
