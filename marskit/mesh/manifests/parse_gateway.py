"""Gateways: the ports and hosts by which requests enter the mesh."""

from marskit.mesh.manifests.fields import Field
from marskit.mesh.manifests.istio import Gateway, GatewayServer
from marskit.mesh.manifests.metadata import object_spec
from marskit.mesh.manifests.names import Scope


def gateway(root: Field, name: str, scope: Scope) -> Gateway:
    """A Gateway of plain HTTP servers; the pods behind it (`selector`) have no effect here."""
    spec = object_spec(root).fields(("selector", "servers"))
    spec.take("selector", Field.pairs)
    return Gateway(name, scope.namespace, spec.need("servers", lambda f: f.each(_server, "server")))


def _server(field: Field) -> GatewayServer:
    server = field.fields(("hosts", "name", "port"), ("bind", "defaultEndpoint", "tls"))
    server.take("name", Field.text)
    port, protocol = server.want("port", _port, (0, ""))
    hosts = server.need("hosts", lambda f: f.each(Field.text, "host"))
    # A Gateway may restrict whose VirtualServices it takes, `shop/example.com`; here it takes all of them.
    return GatewayServer(port, protocol, tuple(host.rpartition("/")[2] for host in hosts))


def _port(field: Field) -> tuple[int, str]:
    port = field.fields(("name", "number", "protocol"), ("targetPort",))
    port.take("name", Field.text)
    number = port.want("number", Field.port, 0)
    return number, port.need("protocol", lambda f: f.choice("HTTP", "HTTP2"))
