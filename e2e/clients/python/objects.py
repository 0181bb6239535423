"""Objects as every program handles them: made, read, changed in each way, applied, listed in pages, removed."""

import json
from datetime import UTC, datetime

from kubernetes import client, config, dynamic
from kubernetes.client import ApiException

config.load_kube_config()
namespace = config.list_kube_config_contexts()[1]["context"]["namespace"]
core = client.CoreV1Api()
maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")


def refused(call, *arguments, **options):
    """The reason why the server refuses."""
    try:
        call(*arguments, **options)
    except ApiException as error:
        return json.loads(error.body)["reason"]
    return "not refused"


def config_map(name, **data):
    labels = {"app": "objects", "name": name}
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data=data)


def changing():
    version = client.VersionApi().get_code()
    print("version", f"{version.major}.{version.minor}")
    settings = core.create_namespaced_config_map(namespace, config_map("settings", colour="blue"))
    print("created:", settings.data["colour"])
    print("again:", refused(core.create_namespaced_config_map, namespace, config_map("settings")))
    patched = core.patch_namespaced_config_map(
        "settings", namespace, {"data": {"colour": "green"}}, _content_type="application/merge-patch+json"
    )
    print("merge patch:", patched.data["colour"])
    patched = core.patch_namespaced_config_map(
        "settings", namespace, [{"op": "add", "path": "/data/size", "value": "3"}]
    )
    print("JSON patch:", patched.data["size"])
    patched = core.patch_namespaced_config_map(
        "settings",
        namespace,
        {"metadata": {"labels": {"tier": "web"}}},
        _content_type="application/strategic-merge-patch+json",
    )
    print("strategic merge patch:", patched.metadata.labels["tier"], patched.metadata.labels["app"])
    print("stale:", refused(core.replace_namespaced_config_map, "settings", namespace, settings))
    patched.data = {"colour": "black"}
    replaced = core.replace_namespaced_config_map("settings", namespace, patched)
    print("replaced:", *replaced.data)
    tried = core.patch_namespaced_config_map(
        "settings", namespace, {"data": {"colour": "pink"}}, dry_run="All"
    )
    read = core.read_namespaced_config_map("settings", namespace)
    print("tried:", tried.data["colour"], "read:", read.data["colour"])


def applying():
    def taste(**data):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "taste"}, "data": data}

    applied = maps.server_side_apply(
        body=taste(colour="red", flavour="sweet"), namespace=namespace, field_manager="robot"
    )
    print("applied by", applied.metadata.managedFields[0].manager)
    white = {"body": taste(colour="white"), "namespace": namespace, "field_manager": "human"}
    print("applied by human:", refused(maps.server_side_apply, **white))
    applied = maps.server_side_apply(**white, force_conflicts=True)
    print("forced:", applied.data["colour"], applied.data["flavour"])
    applied = maps.server_side_apply(body=taste(), namespace=namespace, field_manager="robot")
    print("left:", *applied.data.to_dict())


def listing():
    for number in range(1, 6):
        core.create_namespaced_config_map(namespace, config_map(f"item-{number}", parity=str(number % 2)))
    sizes, token = [], None
    while token != "":
        page = core.list_namespaced_config_map(
            namespace, label_selector="name notin (settings),app=objects", limit=2, _continue=token
        )
        sizes.append(len(page.items))
        token = page.metadata._continue or ""
    print("pages:", *sizes)
    some = core.list_namespaced_config_map(namespace, label_selector="name in (item-1,item-3)")
    print("selected:", *[item.metadata.name for item in some.items])
    one = core.list_namespaced_config_map(namespace, field_selector="metadata.name=item-2")
    print("by its field:", *[item.metadata.name for item in one.items])
    core.delete_namespaced_config_map("item-2", namespace)
    print("deleted:", refused(core.read_namespaced_config_map, "item-2", namespace))
    core.delete_collection_namespaced_config_map(namespace, label_selector="app=objects")
    left = core.list_namespaced_config_map(namespace, label_selector="app=objects")
    print("left:", len(left.items))


def as_a_service_account():
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "robot"}})
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[]))
    token = core.create_namespaced_service_account_token("robot", namespace, request).status.token
    own = client.Configuration.get_default_copy()
    own.cert_file = own.key_file = None
    own.api_key = {"authorization": f"Bearer {token}"}
    robot = client.ApiClient(own)
    review = client.AuthenticationV1Api(robot).create_self_subject_review({})
    print("token of:", review.status.user_info.username.split(":")[-1])
    print("secrets:", refused(client.CoreV1Api(robot).list_namespaced_secret, namespace))


def recording():
    account = core.read_namespaced_service_account("robot", namespace)
    regarding = client.V1ObjectReference(
        api_version="v1", kind="ServiceAccount", name="robot", namespace=namespace, uid=account.metadata.uid
    )
    events = client.EventsV1Api()
    events.create_namespaced_event(
        namespace,
        client.EventsV1Event(
            metadata=client.V1ObjectMeta(generate_name="robot-"),
            regarding=regarding,
            type="Normal",
            reason="Oiled",
            action="Oiling",
            note="It runs smoothly",
            event_time=datetime.now(UTC),
            reporting_controller="example.com/workshop",
            reporting_instance="workshop-1",
        ),
    )
    found = core.list_namespaced_event(namespace, field_selector="involvedObject.name=robot").items[0]
    print("event:", found.type, found.reason, found.message)


changing()
applying()
listing()
as_a_service_account()
recording()
