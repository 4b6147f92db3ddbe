"""Gateways: the ports and hosts by which requests enter the mesh."""

from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.hosts import owned_host
from marskit.mesh.manifests.istio import Gateway, GatewayServer
from marskit.mesh.manifests.metadata import object_spec
from marskit.mesh.manifests.names import Scope

_ANY, _OWN = "*", "."
_PROTOCOLS = ("HTTP", "HTTP2")
_TLS = ("caCertificates", "cipherSuites", "credentialName", "mode", "privateKey", "serverCertificate")


def gateway(root: Field, name: str, scope: Scope) -> Gateway:
    """A Gateway of plain HTTP servers."""
    spec = object_spec(root).fields(("selector", "servers"))
    names: set[str] = set()
    return Gateway(
        name=name,
        namespace=scope.namespace,
        servers=spec.need("servers", lambda f: f.each(lambda item: _server(item, scope, names), "server")),
        selector=spec.take("selector", Field.pairs, ()),
    )


def _server(field: Field, scope: Scope, names: set[str]) -> GatewayServer:
    server = field.fields(("bind", "hosts", "name", "port", "tls"), ("defaultEndpoint",))
    server.take("name", Field.text)
    server.take("bind", Field.text)
    port, protocol = server.want("port", lambda f: _port(f, names), (0, ""))
    hosts = server.need("hosts", lambda f: f.each(lambda item: _host(item, scope), "host"))
    redirect = server.take(
        "tls", lambda f: f.fields(("httpsRedirect",), _TLS).take("httpsRedirect", Field.flag)
    )
    return GatewayServer(port, protocol, hosts, https_redirect=redirect is True)


def _host(field: Field, scope: Scope) -> str:
    """A host, preceded by the only namespace whose VirtualServices are taken, if there is one."""
    owner, host = owned_host(field)
    if owner == _OWN:
        return f"{scope.namespace}/{host}"
    return host if owner in ("", _ANY) else f"{owner}/{host}"


def _port(field: Field, names: set[str]) -> tuple[int, str]:
    port = field.fields(("name", "number", "protocol"), ("targetPort",))
    name = port.take("name", Field.text)
    if name in names:
        problem = f"is {name}, but an earlier server of the Gateway has a port of that name"
        field.tell(FieldError(port.children["name"].path, problem))
    names |= {name} if name else set()
    number = port.want("number", Field.port, 0)
    return number, port.need("protocol", _protocol)


def _protocol(field: Field) -> str:
    if field.text().upper() not in _PROTOCOLS:
        raise field.error(f"one of {', '.join(_PROTOCOLS)}")
    return field.text().upper()
