"""Host names as Istio checks them: labels of DNS, and a star only at the front."""

import re
from ipaddress import ip_address

from marskit.mesh.manifests.fields import Field

_LABEL = re.compile(r"(?!.{64})[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_FIRST = re.compile(rf"\*|(\*-?)?{_LABEL.pattern}")
_LONGEST = 255
_ALLOWED = "a host name without a port, such as reviews, reviews.shop.svc.cluster.local or *.example.com"


def served_host(field: Field) -> str:
    """A host of a VirtualService: a name that may begin with a star, or an IP address."""
    try:
        return str(ip_address(field.text()))
    except ValueError:
        return wildcard_host(field)


def wildcard_host(field: Field) -> str:
    """A name that may begin with a star; in lower case, as names are compared."""
    if not _is_host(field.text()):
        raise field.error(_ALLOWED)
    return field.text().lower()


def service_host(field: Field) -> str:
    """The name of one Service."""
    if field.text().startswith("*"):
        raise field.error("the name of one service")
    return wildcard_host(field)


def owned_host(field: Field) -> tuple[str, str]:
    """The namespace of a Gateway's host, `*`, `.` or empty where none is written, and the host."""
    owner, slash, host = field.text().rpartition("/")
    if not slash:
        return "", wildcard_host(field)
    if not _is_host(host) or not (owner in ("*", ".") or _LABEL.fullmatch(owner)):
        raise field.error(f"{_ALLOWED}, or a namespace, a slash and such a host")
    return owner, host.lower()


def _is_host(text: str) -> bool:
    first, dot, rest = text.partition(".")
    return len(text) <= _LONGEST and bool(_FIRST.fullmatch(first)) and (not dot or _are_labels(rest))


def _are_labels(text: str) -> bool:
    *labels, last = text.split(".")
    # The last may be empty, as in `example.com.`, but not a number, which an address would have.
    labels += [last] if last else []
    return all(_LABEL.fullmatch(label) for label in labels) and not last.isdecimal()
