"""Every supported field of a VirtualService and of a Gateway, once."""

import yaml

from marskit.domain.config import Retries
from marskit.mesh.manifests.fields import Field
from marskit.mesh.manifests.istio import (
    CorsPolicy,
    DirectResponse,
    FaultInjection,
    Gateway,
    GatewayServer,
    HeaderOperations,
    Headers,
    HttpMatch,
    HttpRoute,
    MatchKind,
    Mirror,
    Redirect,
    RetryChoice,
    Rewrite,
    RouteDestination,
    StringMatch,
    VirtualService,
)
from marskit.mesh.manifests.names import Scope
from marskit.mesh.manifests.parse_gateway import gateway
from marskit.mesh.manifests.parse_virtual_service import virtual_service

ORDERS = "orders.shop.svc.cluster.local"


def parsed(spec: str) -> VirtualService:
    root = {"apiVersion": "networking.istio.io/v1", "metadata": {"name": "vs"}, "spec": yaml.safe_load(spec)}
    return virtual_service(Field(root), "vs", Scope("shop", frozenset({"shop", "other"})))


def route(rule: str) -> HttpRoute:
    body = "\n".join(f"    {line}" for line in rule.strip("\n").splitlines())
    return parsed(f"hosts: [orders]\nhttp:\n  -\n{body}").http[0]


def exact(value: str) -> StringMatch:
    return StringMatch(MatchKind.EXACT, value)


def test_a_match_with_everything() -> None:
    found = route("""
match:
  - name: all
    uri: {prefix: /a}
    ignoreUriCase: true
    method: {exact: GET}
    authority: {regex: '.*\\.example\\.com'}
    scheme: {exact: http}
    headers:
      x-a: {exact: "1"}
      x-b: {}
    withoutHeaders:
      x-c: {prefix: "2"}
    queryParams:
      q: {exact: ""}
    port: 80
    gateways: [mesh, door, other/door, gw.shop.svc.cluster.local]
    sourceLabels: {app: front}
    sourceNamespace: shop
  - uri: {exact: /b}
route:
  - destination: {host: orders}
""")
    assert found.matches == (
        HttpMatch(
            uri=StringMatch(MatchKind.PREFIX, "/a"),
            ignore_uri_case=True,
            method=exact("GET"),
            authority=StringMatch(MatchKind.REGEX, r".*\.example\.com"),
            scheme=exact("http"),
            headers=(("x-a", exact("1")), ("x-b", None)),
            without_headers=(("x-c", StringMatch(MatchKind.PREFIX, "2")),),
            query_params=(("q", exact("")),),
            port=80,
            gateways=("mesh", "shop/door", "other/door", "shop/gw"),
            source_labels=(("app", "front"),),
            source_namespace="shop",
        ),
        HttpMatch(uri=exact("/b")),
    )


def test_a_route_with_everything() -> None:
    found = route("""
name: main
route:
  - destination: {host: orders, subset: v1, port: {number: 8080}}
    weight: 1
    headers: {response: {add: {x-v: "1"}}}
  - destination: {host: orders.other}
    weight: 3
rewrite: {uri: /, authority: orders}
timeout: 1.5s
retries: {attempts: 3, perTryTimeout: 200ms, retryOn: "5xx, 409"}
fault:
  delay: {fixedDelay: 2s, percentage: {value: 0.5}}
  abort: {httpStatus: 503, percentage: {value: 100}}
mirror: {host: orders, subset: v2}
mirrorPercentage: {value: 10}
headers:
  request: {set: {x-a: "1"}, add: {x-b: "2"}, remove: [x-c]}
corsPolicy:
  allowOrigins: [{exact: http://a}, {regex: .*}]
  allowMethods: [GET]
  allowHeaders: [x-a]
  exposeHeaders: [x-b]
  maxAge: 24h
  allowCredentials: false
""")
    assert found == HttpRoute(
        name="main",
        destinations=(
            RouteDestination(ORDERS, "v1", 8080, 1, Headers(response=HeaderOperations(add=(("x-v", "1"),)))),
            RouteDestination("orders.other.svc.cluster.local", weight=3),
        ),
        rewrite=Rewrite(uri="/", authority="orders"),
        timeout_ms=1500,
        retries=Retries(3, 200, "5xx,409"),
        fault=FaultInjection(2000, 0.5, 503, 100.0),
        mirrors=(Mirror(RouteDestination(ORDERS, "v2"), 10.0),),
        headers=Headers(HeaderOperations((("x-a", "1"),), (("x-b", "2"),), ("x-c",))),
        cors=CorsPolicy(
            allow_origins=(exact("http://a"), StringMatch(MatchKind.REGEX, ".*")),
            allow_methods=("GET",),
            allow_headers=("x-a",),
            expose_headers=("x-b",),
            max_age_ms=86_400_000,
            allow_credentials=False,
        ),
    )


def test_a_rule_that_answers_by_itself() -> None:
    assert route(
        "redirect: {uri: /x, authority: a, port: 81, scheme: https, redirectCode: 308}"
    ) == HttpRoute(redirect=Redirect("/x", "a", 81, "https", 308))
    assert route("redirect: {uri: /x}").redirect == Redirect("/x")
    assert route("directResponse: {status: 503, body: {string: later}}") == HttpRoute(
        direct_response=DirectResponse(503, "later")
    )


def test_several_mirrors_and_a_regex_rewrite() -> None:
    found = route("""
route: [{destination: {host: orders}}]
rewrite: {uriRegexRewrite: {match: ^/a(.*)$, rewrite: '\\1'}}
mirrors:
  - destination: {host: orders, subset: v1}
    percentage: {value: 25}
  - destination: {host: orders, subset: v2}
""")
    assert found.rewrite == Rewrite(uri_regex=("^/a(.*)$", r"\1"))
    assert found.mirrors == (
        Mirror(RouteDestination(ORDERS, "v1"), 25.0),
        Mirror(RouteDestination(ORDERS, "v2"), 100.0),
    )


def test_what_is_not_written_is_istios_default() -> None:
    found = route("route: [{destination: {host: orders}}]")
    assert found == HttpRoute(destinations=(RouteDestination(ORDERS),))
    assert route("route: [{destination: {host: orders}}]\nretries: {attempts: 2}").retries == Retries(2)
    assert route("route: [{destination: {host: orders}}]\ntimeout: 0s").timeout_ms is None
    # Without a percentage, or with one without a value, nobody is hit.
    assert route("""
route: [{destination: {host: orders}}]
fault: {delay: {fixedDelay: 3s}, abort: {httpStatus: 500}}
""").fault == FaultInjection(3000, 0.0, 500, 0.0)
    assert route("""
route: [{destination: {host: orders}}]
fault: {abort: {httpStatus: 500, percentage: {}}}
""").fault == FaultInjection(delay_percent=0.0, abort_status=500, abort_percent=0.0)


def test_the_old_name_of_allowed_origins() -> None:
    found = route("route: [{destination: {host: orders}}]\ncorsPolicy: {allowOrigin: ['*']}")
    assert found.cors == CorsPolicy(allow_origins=(exact("*"),))


def test_an_empty_value_counts_as_not_written() -> None:
    assert route("route: [{destination: {host: orders}}]\ntimeout:\nretries: ~").timeout_ms is None


def test_hosts_are_resolved_by_the_namespace_of_the_virtual_service() -> None:
    found = parsed("""
hosts: [orders, orders.other, orders.other.svc, a.b.svc.cluster.local, shop.example.com, "*.example.org"]
http: [{route: [{destination: {host: orders}}]}]
exportTo: [".", other]
""")
    assert found.hosts == (
        ORDERS,
        "orders.other.svc.cluster.local",
        "orders.other.svc.cluster.local",
        "a.b.svc.cluster.local",
        "shop.example.com",
        "*.example.org",
    )
    assert found.gateways == ("mesh",)
    assert found.export_to == ("shop", "other")


def test_a_gateway() -> None:
    root = yaml.safe_load("""
metadata: {name: door}
spec:
  selector: {istio: ingressgateway}
  servers:
    - name: web
      port: {number: 80, name: http, protocol: HTTP}
      hosts: ["*", "./a.example.com", "*/b.example.com", other/c.example.com]
    - port: {number: 8080, protocol: http2}
      hosts: [b.example.com]
      bind: 0.0.0.0
      tls: {httpsRedirect: true}
""")
    assert gateway(Field(root), "door", Scope("shop", frozenset())) == Gateway(
        "door",
        "shop",
        (
            GatewayServer(80, "HTTP", ("*", "shop/a.example.com", "b.example.com", "other/c.example.com")),
            GatewayServer(8080, "HTTP2", ("b.example.com",), https_redirect=True),
        ),
        (("istio", "ingressgateway"),),
    )


def test_settings_that_other_local_meshes_leave_out() -> None:
    found = route("""
match:
  - statPrefix: x
    headers: {x-a: {regex: "*"}, x-b: {}}
    withoutHeaders: {x-c: {regex: "*"}}
    queryParams: {q: {regex: "*"}}
route: [{destination: {host: orders}}]
retries: {attempts: 2, backoff: 30ms, retryIgnorePreviousHosts: false, retryRemoteLocalities: true}
fault: {delay: {fixedDelay: 1s, percent: 5}, abort: {grpcStatus: NOT_FOUND, percentage: {value: 1}}}
mirror: {host: orders}
mirrorPercent: 7
corsPolicy: {unmatchedPreflights: IGNORE}
""")
    assert found.matches == (
        HttpMatch(
            headers=(("x-a", None), ("x-b", None)),
            without_headers=(("x-c", None),),
            query_params=(("q", None),),
        ),
    )
    assert found.retry_choice == RetryChoice(30, ignore_previous_hosts=False)
    assert found.fault == FaultInjection(1000, 5.0, None, 1.0, 5)
    assert found.mirrors == (Mirror(RouteDestination(ORDERS), 7.0),)
    assert found.cors == CorsPolicy(forward_unmatched=False)
    assert route("redirect: {derivePort: FROM_REQUEST_PORT}").redirect == Redirect(keep_port=True)
    assert route("redirect: {derivePort: FROM_PROTOCOL_DEFAULT}").redirect == Redirect()
