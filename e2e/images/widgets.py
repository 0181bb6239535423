"""An operator: it serves the webhooks of Widgets, and does what they ask for. Every replica does all of it."""

import base64
import http.client
import http.server
import json
import os
import signal
import ssl
import threading
import time

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/"
GROUP = "/apis/example.com/v1"
FINALIZER = "example.com/operator"


# What its webhooks say.


def convert(widget, desired):
    """v1 has a host and a port where v1beta1 has an address; nothing of either is lost."""
    spec = widget.get("spec", {})
    if desired == "example.com/v1" and "address" in spec:
        host, _, port = spec.pop("address").partition(":")
        spec.update(host=host, port=int(port or 80))
    elif desired == "example.com/v1beta1" and "host" in spec:
        spec["address"] = "{}:{}".format(spec.pop("host"), spec.pop("port", 80))
    return {**widget, "apiVersion": desired, "spec": spec}


def conversion(request):
    converted = [convert(widget, request["desiredAPIVersion"]) for widget in request["objects"]]
    return {"result": {"status": "Success"}, "convertedObjects": converted}


def mutation(request):
    metadata = request["object"]["metadata"]
    labels = {"team": "nobody", **(metadata.get("labels") or {})}
    finalizers = sorted({FINALIZER, *(metadata.get("finalizers") or [])})
    if "deletionTimestamp" in metadata:
        return {"allowed": True}
    patch = [
        {"op": "add", "path": "/metadata/labels", "value": labels},
        {"op": "add", "path": "/metadata/finalizers", "value": finalizers},
    ]
    return {"allowed": True, "patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}


def validation(request):
    widget = convert(request["object"], "example.com/v1")
    if widget["spec"]["host"] != "localhost":
        return {"allowed": True}
    why = 'Invalid value: "localhost": must be another machine'
    message = 'Widget.example.com "{}" is invalid: spec.host: {}'.format(request["name"], why)
    cause = {"reason": "FieldValueInvalid", "message": why, "field": "spec.host"}
    details = {"group": "example.com", "kind": "Widget", "name": request["name"], "causes": [cause]}
    return {"allowed": False, "status": {"code": 422, "reason": "Invalid", "message": message, "details": details}}


ANSWERS = {"/convert": conversion, "/mutate": mutation, "/validate": validation}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review.pop("request")
        answer = ANSWERS[self.path.split("?")[0]](request)
        self.answer({**review, "response": {"uid": request["uid"], **answer}})

    def do_GET(self):
        self.answer({})

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_request(self, code="-", size="-"):
        pass


# What it does for Widgets.


def send(method, path, body=None, form="application/json"):
    with open(ACCOUNT + "token") as token:
        headers = {"Authorization": "Bearer " + token.read(), "Content-Type": form}
    trust = ssl.create_default_context(cafile=ACCOUNT + "ca.crt")
    server = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    connection = http.client.HTTPSConnection(*server, context=trust)
    connection.request(method, path, json.dumps(body) if body else None, headers)
    return connection.getresponse()


def ask(method, path, body=None, form="application/json"):
    """What is there already, is gone already or changed meanwhile comes again with its next event."""
    answer = send(method, path, body, form)
    told = json.loads(answer.read())
    if answer.status >= 400 and answer.status not in (404, 409):
        raise OSError("{} {}: {}".format(method, path, told.get("message")))
    return told


def reconcile(widget):
    metadata, spec = widget["metadata"], widget["spec"]
    namespace, name = metadata["namespace"], metadata["name"]
    path = "{}/namespaces/{}/widgets/{}".format(GROUP, namespace, name)
    maps = "/api/v1/namespaces/{}/configmaps".format(namespace)
    if "deletionTimestamp" in metadata:
        if FINALIZER in metadata.get("finalizers", []):
            ask("DELETE", "{}/{}".format(maps, name))
            left = [other for other in metadata["finalizers"] if other != FINALIZER]
            version = {"resourceVersion": metadata["resourceVersion"], "finalizers": left}
            ask("PATCH", path, {"metadata": version}, "application/merge-patch+json")
        return
    data = {"host": spec["host"], "port": str(spec["port"])}
    wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    apply = "{}/{}?fieldManager=operator&force=true".format(maps, name)
    ask("PATCH", apply, wanted, "application/apply-patch+yaml")
    status = {
        "phase": "Ready",
        "observedGeneration": metadata["generation"],
        "replicas": spec["replicas"],
        "selector": "widget=" + name,
    }
    if widget.get("status") != status:
        ask("PATCH", path + "/status", {"status": status}, "application/merge-patch+json")


def follow():
    while True:
        try:
            listed = ask("GET", GROUP + "/widgets")
            for widget in listed.get("items", []):
                reconcile(widget)
            since = listed["metadata"].get("resourceVersion")
            watch = "{}/widgets?watch=true&resourceVersion={}".format(GROUP, since)
            for line in send("GET", watch) if since else []:
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    reconcile(event["object"])
        except (OSError, http.client.HTTPException) as why:
            print(why, flush=True)
        time.sleep(0.5)


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
threading.Thread(target=follow, daemon=True).start()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
server = http.server.ThreadingHTTPServer(("", 8443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
