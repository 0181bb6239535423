"""A webhook, the API server of a group, and one of metrics, in one program: what the tests of them ask."""

import base64
import http.server
import json
import socket
import ssl
import urllib.parse

GROUP = {"group": "wardle.example.com", "version": "v1alpha1"}
GROUP_VERSION = "wardle.example.com/v1alpha1"


def patch(request):
    """Labels what it sees, and adds a second container to Pods that ask for one."""
    labels = request["object"]["metadata"].get("labels") or {}
    operations = [{"op": "add", "path": "/metadata/labels", "value": {**labels, "seen": "yes"}}]
    if labels.get("sidecar") == "wanted" and len(request["object"]["spec"]["containers"]) == 1:
        sidecar = {"name": "sidecar", "image": "busybox:1.28", "command": ["sleep", "3600"]}
        operations.append({"op": "add", "path": "/spec/containers/-", "value": sidecar})
    return base64.b64encode(json.dumps(operations).encode()).decode()


def review(path, request):
    if path.startswith("/mutate"):
        return {"allowed": True, "patch": patch(request), "patchType": "JSONPatch"}
    labels = (request["object"] or {}).get("metadata", {}).get("labels") or {}
    if labels.get("forbidden") == "yes":
        return {"allowed": False, "status": {"code": 403, "message": "the label forbidden is forbidden"}}
    return {"allowed": True, "warnings": ["seen by " + socket.gethostname()]}


def flunder(name, user):
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "Flunder",
        "metadata": {"name": name, "namespace": "default", "annotations": {"asked-by": user}},
    }


CUSTOM = "custom.metrics.k8s.io/v1beta1"
EXTERNAL = "external.metrics.k8s.io/v1beta1"


def metrics(path):
    """The metric `hits-3` is 3: of each of the Pods web-0 to web-9, of any other object, and of what is outside."""
    value = {"timestamp": "2026-01-01T00:00:00Z", "value": path.rsplit("-", 1)[1]}
    if path.startswith(f"/apis/{EXTERNAL}/namespaces/default/"):
        items = [{"metricName": path.rsplit("/", 1)[1], "metricLabels": {}, **value}]
        return {"kind": "ExternalMetricValueList", "apiVersion": EXTERNAL, "metadata": {}, "items": items}
    resource, name, metric = path.removeprefix(f"/apis/{CUSTOM}/namespaces/default/").split("/")
    names = [f"web-{number}" for number in range(10)] if name == "*" else [name]
    described = [{"kind": resource, "namespace": "default", "name": name} for name in names]
    items = [{"describedObject": one, "metricName": metric, **value} for one in described]
    return {"kind": "MetricValueList", "apiVersion": CUSTOM, "metadata": {}, "items": items}


def schemas(path):
    kind = {**GROUP, "kind": "Flunder"}
    reference = {"type": "string", "description": "The Flunder that it refers to."}
    schema = {"type": "object", "properties": {"reference": reference}, "x-kubernetes-group-version-kind": [kind]}
    paths = {path: {"get": {"x-kubernetes-group-version-kind": kind}}}
    return {"openapi": "3.0.0", "paths": paths, "components": {"schemas": {"Flunder": schema}}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        response = review(self.path, asked["request"])
        response["uid"] = asked["request"]["uid"]
        self.answer({"apiVersion": asked["apiVersion"], "kind": "AdmissionReview", "response": response})

    def do_GET(self):
        path = self.path.split("?")[0].rstrip("/")
        user = self.headers.get("X-Remote-User", "nobody")
        resources = f"/apis/{GROUP_VERSION}"
        flunders = f"{resources}/namespaces/default/flunders"
        if path == resources:
            verbs = ["get", "list"]
            kind = {"name": "flunders", "singularName": "flunder", "namespaced": True, "kind": "Flunder", "verbs": verbs}
            self.answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP_VERSION, "resources": [kind]})
        elif path == flunders:
            self.answer({"kind": "FlunderList", "apiVersion": GROUP_VERSION, "metadata": {}, "items": [flunder("one", user)]})
        elif path.startswith(flunders):
            self.answer(flunder(path.rsplit("/", 1)[1], user))
        elif path in (f"/apis/{CUSTOM}", f"/apis/{EXTERNAL}"):
            values = {"name": "pods/hits-3", "singularName": "", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}
            group_version = path.removeprefix("/apis/")
            self.answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": [values]})
        elif ".metrics.k8s.io/v1beta1/namespaces/" in path:
            self.answer(metrics(urllib.parse.unquote(path)))
        elif path == "/openapi/v3":
            url = f"/openapi/v3/apis/{GROUP_VERSION}"
            self.answer({"paths": {url.removeprefix("/openapi/v3/"): {"serverRelativeURL": f"{url}?hash=1"}}})
        elif path == f"/openapi/v3/apis/{GROUP_VERSION}":
            self.answer(schemas(flunders.replace("default", "{namespace}")))
        elif path in ("", "/healthz"):
            self.answer({})
        else:
            self.answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"}, 404)

    def answer(self, body, code=200):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
server = http.server.ThreadingHTTPServer(("", 8443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
