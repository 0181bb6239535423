"""A kind of one's own: defined, found by discovery, checked, scaled, with a status, watched by its name."""

import json

from kubernetes import client, config, dynamic, watch
from kubernetes.client import ApiException

config.load_kube_config()
namespace = config.list_kube_config_contexts()[1]["context"]["namespace"]
GROUP, VERSION, PLURAL = "python.example.com", "v1", "widgets"
custom = client.CustomObjectsApi()
here = (GROUP, VERSION, namespace, PLURAL)


def define():
    definitions = client.ApiextensionsV1Api()
    name = f"{PLURAL}.{GROUP}"
    integer = {"type": "integer"}
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["colour"],
                "properties": {
                    "colour": {"type": "string", "enum": ["red", "blue"]},
                    "replicas": {**integer, "default": 1, "maximum": 9},
                },
            },
            "status": {"type": "object", "properties": {"phase": {"type": "string"}, "replicas": integer}},
        },
    }
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    definitions.create_custom_resource_definition(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {"plural": PLURAL, "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
                "versions": [
                    {
                        "name": VERSION,
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": schema},
                        "subresources": {"status": {}, "scale": scale},
                    }
                ],
            },
        }
    )
    watcher = watch.Watch()
    look = definitions.list_custom_resource_definition
    for event in watcher.stream(look, field_selector=f"metadata.name={name}", timeout_seconds=60):
        conditions = event["object"].status.conditions or []
        if any(condition.type == "Established" and condition.status == "True" for condition in conditions):
            watcher.stop()
            print("defined:", event["object"].status.accepted_names.kind)


def widget(**spec):
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Widget", "metadata": {"name": "gear"}, "spec": spec}


def use():
    try:
        custom.create_namespaced_custom_object(*here, widget(colour="green"))
    except ApiException as error:
        cause = json.loads(error.body)["details"]["causes"][0]
        print("refused:", cause["reason"], cause["field"])
    gear = custom.create_namespaced_custom_object(*here, widget(colour="red"))
    print("created:", gear["spec"]["replicas"], "replicas, generation", gear["metadata"]["generation"])
    gear["status"] = {"phase": "Turning", "replicas": 1}
    gear = custom.replace_namespaced_custom_object_status(*here, "gear", gear)
    print("status:", gear["status"]["phase"], "generation", gear["metadata"]["generation"])
    scale = custom.patch_namespaced_custom_object_scale(*here, "gear", {"spec": {"replicas": 3}})
    print("scaled:", scale["spec"]["replicas"], "of", scale["status"]["replicas"])
    listed = custom.list_namespaced_custom_object(*here)
    print("listed:", *[item["metadata"]["name"] for item in listed["items"]], listed["kind"])
    print("generation:", listed["items"][0]["metadata"]["generation"])


def discover():
    widgets = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version=f"{GROUP}/{VERSION}", kind="Widget")
    print("discovered:", widgets.name, *sorted(widgets.subresources))
    applied = widgets.server_side_apply(
        body=widget(colour="blue"), namespace=namespace, field_manager="painter", force_conflicts=True
    )
    print("applied:", applied.spec.colour, applied.spec.replicas)
    widgets.delete(name="gear", namespace=namespace)
    past = applied.metadata.resourceVersion
    for event in widgets.watch(namespace=namespace, resource_version=past, timeout=60):
        print("watched:", event["type"], event["object"].metadata.name)
        break


define()
use()
discover()
