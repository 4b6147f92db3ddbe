"""Host names as Istio checks them: labels of DNS, and a star only at the front."""

import re
from ipaddress import ip_address

from marskit.mesh.manifests.fields import Field

ALLOWED = "a host name without a port, such as reviews, reviews.shop.svc.cluster.local or *.example.com"

_LABEL = re.compile(r"(?!.{64})[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_FIRST = re.compile(rf"\*|(\*-?)?{_LABEL.pattern}")
_LONGEST = 255


def served_host(field: Field) -> str:
    """A host of a VirtualService: a name that may begin with a star, or an IP address."""
    try:
        return str(ip_address(field.text()))
    except ValueError:
        return wildcard_host(field)


def wildcard_host(field: Field) -> str:
    """A name that may begin with a star; in lower case, as names are compared."""
    text = field.text()
    first, dot, rest = text.partition(".")
    is_name = _FIRST.fullmatch(first) and (not dot or _are_labels(rest))
    if not is_name or len(text) > _LONGEST:
        raise field.error(ALLOWED)
    return text.lower()


def service_host(field: Field) -> str:
    """The name of one Service."""
    host = wildcard_host(field)
    if "*" in host:
        raise field.error("the name of one service")
    return host


def _are_labels(text: str) -> bool:
    *labels, last = text.split(".")
    # The last may be empty, as in `example.com.`, but not a number, which an address would have.
    labels += [last] if last else []
    return all(_LABEL.fullmatch(label) for label in labels) and not last.isdecimal()
