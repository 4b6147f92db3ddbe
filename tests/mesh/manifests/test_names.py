import pytest

from marskit.mesh.manifests.names import covers, intersection


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("*", "a.example.com", "a.example.com"),
        ("*", "*.example.com", "*.example.com"),
        ("*", "*", "*"),
        ("*.example.com", "a.example.com", "a.example.com"),
        ("*.example.com", "*.b.example.com", "*.b.example.com"),
        ("a.example.com", "a.example.com", "a.example.com"),
        ("*.example.com", "example.com", None),
        ("*.example.com", "*.example.org", None),
        ("a.example.com", "b.example.com", None),
        ("*.example.com", "myexample.com", None),
    ],
)
def test_the_narrower_of_two_patterns(one: str, other: str, both: str | None) -> None:
    assert intersection(one, other) == both
    assert intersection(other, one) == both


def test_a_wildcard_is_not_covered_by_one_of_its_names() -> None:
    assert covers("*.example.com", "a.example.com")
    assert not covers("a.example.com", "*.example.com")
