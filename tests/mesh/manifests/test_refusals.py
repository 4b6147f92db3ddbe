"""Bad manifests: one sentence each, with file, line, object, field, what was found and what is allowed."""

from pathlib import Path

import pytest

from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.manifests.shop import changed, marked_line

LAST_ROUTE = "      timeout: 1500ms\n"
WEIGHTED = "            subset: v1\n          weight: 80\n"
OUTLIER = "      consecutive5xxErrors: 5\n"
CART_IMAGE = "          image: shop/cart:1.0\n"
FRONT_ENV = "              value: http://cart:8080/items\n"
NOT_HERE = "is not supported by marskit's local mesh; supported here: "

ROUTE_FIELDS = (
    "corsPolicy, directResponse, fault, headers, match, mirror, mirrorPercent, mirrorPercentage,"
    " mirror_percent, mirrors, name, redirect, retries, rewrite, route, timeout"
)

CASES = {
    "a canary of itself": (
        "  name: cart-v2\n",
        "  name: cart-v2\n  annotations:\n    marskit.dev/canary-of: cart-v2  # HERE\n",
        "Deployment cart-v2: cart-v2 cannot be a canary of itself; name the Deployment that it is to replace",
    ),
    "a canary of nobody": (
        "  name: cart-v2\n",
        "  name: cart-v2\n  annotations:\n    marskit.dev/canary-of: cart-v  # HERE\n",
        "Deployment cart-v2: Deployment cart-v does not exist (did you mean cart-v1?);"
        " choose from front, cart-v1",
    ),
    "a canary of what does something else": (
        "  name: cart-v2\n",
        "  name: cart-v2\n  annotations:\n    marskit.dev/canary-of: front  # HERE\n",
        "Deployment cart-v2: no route of a VirtualService splits traffic between cart-v2 and front, so they"
        " cannot be compared; give both a destination with a subset that is theirs alone",
    ),
    "a typo in a route": (
        WEIGHTED,
        "            subset: v1\n          weigght: 80  # HERE\n",
        "VirtualService cart: spec.http[1].route[0].weigght is not a field (did you mean weight?);"
        " allowed here: destination, headers, weight",
    ),
    "a weight that is a string": (
        "weight: 80",
        'weight: "80"  # HERE',
        'VirtualService cart: spec.http[1].route[0].weight is "80", but must be a whole number of 0 or more',
    ),
    "a negative weight": (
        "weight: 80",
        "weight: -1  # HERE",
        "VirtualService cart: spec.http[1].route[0].weight is -1, but must be a whole number of 0 or more",
    ),
    "a weight that is a truth value": (
        "weight: 80",
        "weight: true  # HERE",
        "VirtualService cart: spec.http[1].route[0].weight is true, but must be a whole number of 0 or more",
    ),
    "a timeout without a unit": (
        LAST_ROUTE,
        "      timeout: 1500  # HERE\n",
        "VirtualService cart: spec.http[1].timeout is 1500, but must be a duration in whole ms,"
        " such as 1.5s or 100ms, of 0ms or more",
    ),
    "a timeout in a unit that is none": (
        LAST_ROUTE,
        "      timeout: 2d  # HERE\n",
        'VirtualService cart: spec.http[1].timeout is "2d", but must be a duration in whole ms,'
        " such as 1.5s or 100ms, of 0ms or more",
    ),
    "a field that Istio has and marskit has not": (
        LAST_ROUTE,
        "      delegate: {name: other}  # HERE\n",
        f"VirtualService cart: spec.http[1].delegate {NOT_HERE}{ROUTE_FIELDS}",
    ),
    "TCP routes": (
        "  hosts: [cart]\n",
        "  hosts: [cart]\n  tcp: [{route: []}]  # HERE\n",
        f"VirtualService cart: spec.tcp {NOT_HERE}exportTo, gateways, hosts, http",
    ),
    "an export to no one": (
        "  hosts: [cart]\n",
        "  hosts: [cart]\n  exportTo: [~x]  # HERE\n",
        'VirtualService cart: spec.exportTo[0] is "~x", but must be "*", "." or the name of a namespace',
    ),
    "an export to all and some": (
        "  hosts: [cart]\n",
        '  hosts: [cart]\n  exportTo: [prod, "*"]  # HERE\n',
        'VirtualService cart: spec.exportTo has "*" beside other entries, but must have either',
    ),
    "an export to one namespace by two names": (
        "  hosts: [cart]\n",
        '  hosts: [cart]\n  exportTo: [shop, "."]  # HERE\n',
        "VirtualService cart: spec.exportTo names a namespace twice",
    ),
    "a retry condition that Envoy has not": (
        "retryOn: connect-failure,refused-stream",
        "retryOn: conect-failure  # HERE",
        'VirtualService cart: spec.http[1].retries.retryOn is "conect-failure", but must be status codes and'
        " conditions out of 5xx, cancelled, connect-failure, deadline-exceeded, envoy-ratelimited,"
        " gateway-error, http3-post-connect-failure, internal, refused-stream, reset, reset-before-request,"
        " resource-exhausted, retriable-4xx, retriable-headers, retriable-status-codes, unavailable",
    ),
    "a match with two kinds of comparison": (
        '              exact: "yes"\n',
        '              exact: "yes"\n              prefix: y  # HERE\n',
        "VirtualService cart: spec.http[0].match[0].headers.x-beta.prefix is not allowed beside exact;"
        " only one of them may be set",
    ),
    "a regular expression that is open": (
        '              exact: "yes"\n',
        "              regex: (a  # HERE\n",
        'VirtualService cart: spec.http[0].match[0].headers.x-beta.regex is "(a", but must be a regular'
        " expression of RE2 (missing ): (a)",
    ),
    "a regular expression that RE2 has not": (
        '              exact: "yes"\n',
        "              regex: a(?=b)  # HERE\n",
        'VirtualService cart: spec.http[0].match[0].headers.x-beta.regex is "a(?=b)", but must be a regular'
        " expression of RE2 (invalid perl operator: (?=)",
    ),
    "a route to nowhere": (
        "    - match:\n        - uri:\n            prefix: /\n      route:\n        - destination:\n"
        "            host: front\n      timeout: 2s\n",
        "    - timeout: 2s  # HERE\n",
        "VirtualService front: spec.http[0] has no route, redirect or directResponse,"
        " but must have one of them",
    ),
    "a route and a redirect": (
        LAST_ROUTE,
        "      redirect: {uri: /}  # HERE\n",
        "VirtualService cart: spec.http[1].redirect is not allowed beside route; only one of them may be set",
    ),
    "every host inside the mesh": (
        "  hosts: [cart]\n",
        '  hosts: ["*"]  # HERE\n',
        'VirtualService cart: spec.hosts is "*" for the gateway mesh, but must name a host there:'
        " only real gateways take every host",
    ),
    "a list that is empty": (
        "  hosts: [cart]\n",
        "  hosts: []  # HERE\n",
        "VirtualService cart: spec.hosts is [], but must be a list of at least one host",
    ),
    "a match of nothing": (
        '              exact: "yes"\n',
        '              exact: "yes"\n          uri: {}  # HERE\n',
        "VirtualService cart: spec.http[0].match[0].uri is empty, but must have one of exact, prefix, regex",
    ),
    "a redirect with a status that redirects nowhere": (
        "      route:\n        - destination:\n            host: front\n",
        "      redirect: {uri: /, redirectCode: 304}  # HERE\n",
        "VirtualService front: spec.http[0].redirect.redirectCode is 304,"
        " but must be one of 301, 302, 303, 307, 308",
    ),
    "a fault that is none": (
        LAST_ROUTE,
        "      fault: {}  # HERE\n",
        "VirtualService cart: spec.http[1].fault has neither delay nor abort, but must have one of them",
    ),
    "a switch that is a word": (
        LAST_ROUTE,
        '      corsPolicy: {allowCredentials: "no"}  # HERE\n',
        'VirtualService cart: spec.http[1].corsPolicy.allowCredentials is "no", but must be true or false',
    ),
    "something long in the wrong place": (
        "  replicas: 2\n",
        f"  replicas: {{a: {'x' * 80}}}  # HERE\n",
        "Deployment front: spec.replicas is a mapping, but must be a whole number from 0 to 1000",
    ),
    "a long list in the wrong place": (
        "  replicas: 2\n",
        f"  replicas: [{'x' * 80}]  # HERE\n",
        "Deployment front: spec.replicas is a list, but must be a whole number from 0 to 1000",
    ),
    "a long word in the wrong place": (
        "  replicas: 2\n",
        f"  replicas: {'x' * 80}  # HERE\n",
        f'Deployment front: spec.replicas is "{"x" * 56}..., but must be a whole number from 0 to 1000',
    ),
    "a bound that is no number": (
        "metadata:\n  name: front\nspec:\n  replicas: 2\n",
        "metadata:\n  name: front\n  annotations:\n    marskit.dev/max-replicas: many  # HERE\n"
        "spec:\n  replicas: 2\n",
        'Deployment front: metadata.annotations["marskit.dev/max-replicas"] is "many",'
        " but must be a whole number from 0 to 1000 in quotes",
    ),
    "weights that are all 0": (
        "weight: 80\n        - destination:\n            host: cart\n            subset: v2\n"
        "          weight: 20\n",
        "weight: 0\n        - destination:\n            host: cart\n            subset: v2\n",
        "VirtualService cart: spec.http[1].route has weights that add up to 0, but one must be more than 0",
    ),
    "a missing host": (
        "        - destination:\n            host: cart\n            subset: v1\n",
        "        - destination:  # HERE\n            subset: v1\n",
        "VirtualService cart: spec.http[1].route[0].destination.host is missing",
    ),
    "a fault without a status": (
        LAST_ROUTE,
        "      fault:\n        abort:  # HERE\n          percentage: {value: 5}\n",
        "VirtualService cart: spec.http[1].fault.abort.httpStatus is missing",
    ),
    "a percentage above 100": (
        LAST_ROUTE,
        "      fault:\n        abort: {httpStatus: 500, percentage: {value: 101}}  # HERE\n",
        "VirtualService cart: spec.http[1].fault.abort.percentage.value is 101,"
        " but must be a number from 0 to 100",
    ),
    "settings of no port": (
        "      maxEjectionPercent: 50\n",
        "      maxEjectionPercent: 50\n    portLevelSettings:\n      - {port: {number: 80}}  # HERE\n",
        "DestinationRule cart: spec.trafficPolicy.portLevelSettings[0] has no settings, but must have one of"
        " connectionPool, loadBalancer, outlierDetection, tls",
    ),
    "an old name of a setting": (
        OUTLIER,
        "      consecutiveErrors: 5  # HERE\n",
        f"DestinationRule cart: spec.trafficPolicy.outlierDetection.consecutiveErrors {NOT_HERE}"
        "baseEjectionTime, consecutive5xxErrors, consecutiveGatewayErrors, consecutiveLocalOriginFailures,"
        " interval, maxEjectionPercent, minHealthPercent, splitExternalLocalOriginErrors",
    ),
    "a destination of several ports": (
        "    - port: 80\n      targetPort: web\n",
        "    - port: 81\n    - port: 82\n",
        "VirtualService front: it must name one of the ports of Service front: 81, 82",
    ),
    "a load balancer that needs pods": (
        "    outlierDetection:\n",
        "    loadBalancer: {simple: PASSTHROUGH}  # HERE\n    outlierDetection:\n",
        'DestinationRule cart: spec.trafficPolicy.loadBalancer.simple is "PASSTHROUGH", but must be one of',
    ),
    "a header that cannot be removed": (
        LAST_ROUTE,
        "      headers: {request: {remove: [x, Host]}}  # HERE\n",
        "VirtualService cart: spec.http[1].headers.request.remove[1] would change Host, but only a request's"
        " host can be set",
    ),
    "a header that is none": (
        LAST_ROUTE,
        '      headers: {response: {set: {":status": "200"}}}  # HERE\n',
        'VirtualService cart: spec.http[1].headers.response.set[":status"] would change :status, but only a'
        " request's host can be set",
    ),
    "a load balancer that is none": (
        "    outlierDetection:\n",
        "    loadBalancer: {simple: ROUNDROBIN}  # HERE\n    outlierDetection:\n",
        'DestinationRule cart: spec.trafficPolicy.loadBalancer.simple is "ROUNDROBIN", but must be one of'
        " UNSPECIFIED, LEAST_CONN, ROUND_ROBIN, LEAST_REQUEST, RANDOM",
    ),
    "a hash of nothing": (
        "    outlierDetection:\n",
        "    loadBalancer: {consistentHash: {}}  # HERE\n    outlierDetection:\n",
        "DestinationRule cart: spec.trafficPolicy.loadBalancer.consistentHash has no key to hash,"
        " but must have one of httpCookie, httpHeaderName, httpQueryParameterName, useSourceIp",
    ),
    "one subset twice": (
        "    - name: v2\n      labels: {version: v2}\n",
        "    - name: v1  # HERE\n      labels: {version: v2}\n",
        "DestinationRule cart: spec.subsets[1].name is v1, but an earlier subset has that name",
    ),
    "a subset named like a path": (
        "    - name: v2\n      labels: {version: v2}\n",
        "    - name: ../v2  # HERE\n",
        'DestinationRule cart: spec.subsets[1].name is "../v2", but must be a name of lower-case letters,'
        " digits, - and . that Kubernetes takes",
    ),
    "TLS at the gateway": (
        '      hosts: ["*"]\n',
        '      hosts: ["*"]\n      tls: {mode: SIMPLE}  # HERE\n',
        f"Gateway door: spec.servers[0].tls.mode {NOT_HERE}httpsRedirect",
    ),
    "a gateway for TCP": (
        "        protocol: HTTP\n",
        "        protocol: TCP  # HERE\n",
        'Gateway door: spec.servers[0].port.protocol is "TCP", but must be one of HTTP, HTTP2',
    ),
    "a Service without pods of its own": (
        "  selector: {app: front}\n  ports:\n",
        "  type: ExternalName  # HERE\n  ports:\n",
        'Service front: spec.type is "ExternalName", but must be one of ClusterIP, LoadBalancer, NodePort',
    ),
    "a UDP port": (
        "    - port: 80\n",
        "    - port: 80\n      protocol: UDP  # HERE\n",
        'Service front: spec.ports[0].protocol is "UDP", but must be one of TCP',
    ),
    "a port out of range": (
        "    - port: 80\n",
        "    - port: 80808  # HERE\n",
        "Service front: spec.ports[0].port is 80808, but must be a whole number from 1 to 65535",
    ),
    "a label that is a number": (
        "  selector: {app: front}\n  ports:\n",
        "  selector: {app: 1.0}  # HERE\n  ports:\n",
        "Service front: spec.selector.app is 1.0, but must be a string: write it in quotes",
    ),
    "replicas that are a string": (
        "  replicas: 2\n",
        '  replicas: "2"  # HERE\n',
        'Deployment front: spec.replicas is "2", but must be a whole number from 0 to 1000',
    ),
    "a selector that misses its own pods": (
        "    matchLabels: {app: front}\n",
        "    matchLabels: {app: back}  # HERE\n",
        'Deployment front: spec.selector.matchLabels.app is "back", but must be the same as in'
        " the labels of the pod template",
    ),
    "a variable that is a number": (
        FRONT_ENV,
        "              value: 8080  # HERE\n",
        "Deployment front: spec.template.spec.containers[0].env[0].value is 8080,"
        " but must be a string: write it in quotes",
    ),
    "a variable from a secret": (
        FRONT_ENV,
        "              valueFrom: {secretKeyRef: {name: s, key: k}}  # HERE\n",
        "Deployment front: spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef names k of Secret"
        " s, which is not there; give CART_URL a value in the annotation marskit.dev/env or in the mapping",
    ),
    "a variable from a limit": (
        FRONT_ENV,
        "              valueFrom: {resourceFieldRef: {resource: limits.cpu}}  # HERE\n",
        "Deployment front: spec.template.spec.containers[0].env[0].valueFrom is not supported by marskit's"
        " local mesh; give CART_URL a value in the annotation marskit.dev/env or in the mapping file",
    ),
    "variables from nowhere": (
        FRONT_ENV,
        f"{FRONT_ENV}          envFrom: [{{configMapRef: {{name: c}}}}]  # HERE\n",
        "Deployment front: spec.template.spec.containers[0].envFrom[0].configMapRef names ConfigMap c,"
        " which is not there",
    ),
    "a typo in a container": (
        CART_IMAGE,
        f"{CART_IMAGE}          imagePullPolice: Always  # HERE\n",
        "Deployment cart-v1: spec.template.spec.containers[0].imagePullPolice is not a field"
        " (did you mean imagePullPolicy?); allowed here: ",
    ),
    "a typo in an annotation": (
        "        marskit.dev/port-env: PORT\n",
        "        marskit.dev/portenv: PORT  # HERE\n",
        'Deployment front: spec.template.metadata.annotations["marskit.dev/portenv"] is not an annotation of'
        " marskit (did you mean marskit.dev/port-env?); allowed here: marskit.dev/chaos-path,"
        " marskit.dev/command, marskit.dev/container, marskit.dev/directory, marskit.dev/env,"
        " marskit.dev/packages, marskit.dev/port-env",
    ),
    "an installer that is not known": (
        "        marskit.dev/port-env: PORT\n",
        "        marskit.dev/packages: yarn  # HERE\n        marskit.dev/port-env: PORT\n",
        'Deployment front: spec.template.metadata.annotations["marskit.dev/packages"] is "yarn", but must be'
        " npm, the only installer that is known",
    ),
    "a process that never learns its port": (
        "        marskit.dev/port-env: PORT\n",
        "        other.dev/x: other\n",
        'Deployment front: spec.template.metadata.annotations["marskit.dev/command"] does not say how the'
        " process learns its port: put {port} into the command, or set marskit.dev/port-env (port_env in the"
        " mapping file)",
    ),
    "an annotation that is no JSON": (
        """        marskit.dev/command: '["node", "front.js"]'\n""",
        "        marskit.dev/command: node front.js  # HERE\n",
        'Deployment front: spec.template.metadata.annotations["marskit.dev/command"] is "node front.js",'
        " but must be JSON (Expecting value at character 1)",
    ),
    "a command that is no list": (
        """        marskit.dev/command: '["node", "front.js"]'\n""",
        """        marskit.dev/command: '"node"'  # HERE\n""",
        'Deployment front: spec.template.metadata.annotations["marskit.dev/command"] is "node",'
        " but must be a list",
    ),
    "no local command": (
        '        marskit.dev/command: \'["node", "front.js"]\'\n        marskit.dev/port-env: PORT\n'
        "    spec:\n      containers:\n        - name: front\n",
        "        other.dev/x: other\n    spec:\n      containers:\n        - name: front\n",
        "Deployment front: it does not define how it runs on this machine: set the annotation"
        ' marskit.dev/command on its pod template, or images."shop/front:1.0".command in a mapping file',
    ),
    "an objective that is a word": (
        'marskit.dev/slo-latency-p95-ms: "120"',
        "marskit.dev/slo-latency-p95-ms: fast  # HERE",
        'Service cart: metadata.annotations["marskit.dev/slo-latency-p95-ms"] is "fast",'
        " but must be a number from 1 to 3600000, in quotes",
    ),
    "an unknown kind": (
        "kind: Namespace\n",
        "kind: EnvoyFilter  # HERE\n",
        "kind EnvoyFilter is not supported by marskit's local mesh; supported here: ConfigMap,"
        " Deployment, DestinationRule, Gateway, Namespace, Secret, Service, ServiceAccount, VirtualService",
    ),
    "a misspelt kind": (
        "kind: Namespace\n",
        "kind: Namespcae  # HERE\n",
        "kind Namespcae is not supported by marskit's local mesh (did you mean Namespace?); supported here:",
    ),
    "a Gateway of another API": (
        "apiVersion: networking.istio.io/v1\nkind: Gateway\n",
        "apiVersion: gateway.networking.k8s.io/v1  # HERE\nkind: Gateway\n",
        'apiVersion is "gateway.networking.k8s.io/v1", but must be one of networking.istio.io/v1,'
        " networking.istio.io/v1beta1, networking.istio.io/v1alpha3",
    ),
    "an object without a name": (
        "  name: door\n",
        "  labels: {}\n",
        "metadata.name is missing",
    ),
    "a name with a slash": (
        "  name: door\n",
        "  name: ../door  # HERE\n",
        'metadata.name is "../door", but must be a name of lower-case letters, digits, - and .'
        " that Kubernetes takes",
    ),
    "one key twice": (
        "  replicas: 2\n",
        "  replicas: 2\n  replicas: 3  # HERE\n",
        'the key "replicas" is written twice',
    ),
    "a key that is nothing": (
        "  selector: {app: front}\n  ports:\n",
        "  selector: {~: front}  # HERE\n  ports:\n",
        'the key is "~", but must be a string: write it in quotes',
    ),
    "a tag of Python": (
        "  replicas: 2\n",
        "  replicas: !!python/name:os.system 2  # HERE\n",
        "the tag tag:yaml.org,2002:python/name:os.system is not allowed there",
    ),
    "no YAML": (
        "  replicas: 2\n",
        "  replicas: 2: 3  # HERE\n",
        "this is not YAML: mapping values are not allowed in this context",
    ),
    "a destination that is no Service": (
        "            host: front\n",
        "            host: frnt  # HERE\n",
        "VirtualService front: frnt.shop.svc.cluster.local is not a Service (did you mean front?);"
        " choose from cart, front",
    ),
    "a port that the Service has not": (
        "            host: front\n",
        "            host: front\n            port: {number: 8080}  # HERE\n",
        "VirtualService front: Service front has no port 8080; it has 80",
    ),
    "a subset that is none": (
        "            subset: v1\n",
        "            subset: v3  # HERE\n",
        "VirtualService cart: no DestinationRule of cart.shop.svc.cluster.local has a subset v3;"
        " choose from v1, v2",
    ),
    "a mirror to nowhere": (
        LAST_ROUTE,
        "      mirror: {host: nowhere}\n",
        "VirtualService cart: nowhere.shop.svc.cluster.local is not a Service; choose from cart, front",
    ),
    "a gateway that is none": (
        "  gateways: [door]\n",
        "  gateways: [dor]  # HERE\n",
        "VirtualService front: Gateway shop/dor does not exist (did you mean shop/door?);"
        " choose from shop/door",
    ),
    "a target port that is none": (
        "      targetPort: web\n",
        "      targetPort: wbe  # HERE\n",
        "Service front: targetPort wbe is not a port of Deployment front (did you mean web?); it has web",
    ),
    "two rules for one host": (
        "spec:\n  host: front\n",
        "spec:\n  host: cart.shop.svc.cluster.local  # HERE\n",
        "DestinationRule front: cart.shop.svc.cluster.local has a DestinationRule already, cart in ",
    ),
    "one object twice": (
        "kind: DestinationRule\nmetadata:\n  name: front\n",
        "kind: DestinationRule\nmetadata:\n  name: cart\n",
        "DestinationRule cart in namespace shop exists already, in ",
    ),
    "one name in two namespaces": (
        "kind: DestinationRule\nmetadata:\n  name: front\n",
        "kind: DestinationRule\nmetadata:\n  namespace: other\n  name: cart  # HERE\n",
        "DestinationRule cart: has the name of one in namespace shop; use another",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_says_what_is_wrong(case: str, tmp_path: Path) -> None:
    old, new, sentence = CASES[case]
    file = changed(tmp_path, old, new)
    with pytest.raises(ManifestError) as caught:
        load_mesh([file])
    message = str(caught.value)
    assert "\n" not in message
    place, _, rest = message.partition(": ")
    name, _, line = place.rpartition(":")
    assert (name, rest[: len(sentence)]) == (str(file), sentence)
    if "# HERE" in new:
        assert int(line) == marked_line(file)
    else:
        assert int(line) > 1
