"""A Pod and what one does with it: wait, talk, run commands inside, read and follow its log, reach its port, evict it."""

import threading

from kubernetes import client, config, watch
from kubernetes.stream import portforward, stream

config.load_kube_config()
namespace = config.list_kube_config_contexts()[1]["context"]["namespace"]
core = client.CoreV1Api()
apps = client.AppsV1Api()
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "talker"},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "main",
                "image": "busybox:1.28",
                "stdin": True,
                "command": ["sh", "-c", "echo begin; while read line; do echo you said $line; done"],
            },
            {"name": "nginx", "image": "nginx:1.19"},
        ],
    },
}


def run():
    core.create_namespaced_pod(namespace, POD)
    watcher = watch.Watch()
    for event in watcher.stream(core.list_namespaced_pod, namespace, timeout_seconds=120):
        conditions = event["object"].status.conditions or []
        if any(condition.type == "Ready" and condition.status == "True" for condition in conditions):
            watcher.stop()
            print("ready:", event["object"].metadata.name)


def command(*words, **options):
    return stream(
        core.connect_get_namespaced_pod_exec,
        "talker",
        namespace,
        container="main",
        command=list(words),
        stderr=True,
        stdout=True,
        tty=False,
        **options,
    )


def execute():
    print("exec:", command("echo", "hello", stdin=False).strip())
    script = "read word; echo $word; echo no >&2; exit 7"
    shell = command("sh", "-c", script, stdin=True, _preload_content=False)
    shell.write_stdin("typed\n")
    shell.run_forever(timeout=60)
    print("stdout:", shell.read_stdout().strip())
    print("stderr:", shell.read_stderr().strip())
    print("exit code:", shell.returncode)


def follow():
    """Reads the log while another thread talks to the container."""
    following = watch.Watch()
    talking = threading.Thread(target=attach)
    for line in following.stream(core.read_namespaced_pod_log, "talker", namespace, container="main"):
        print("followed:", line)
        if line == "begin":
            talking.start()
        else:
            following.stop()
    talking.join()
    log = core.read_namespaced_pod_log(
        "talker", namespace, container="main", tail_lines=1, _preload_content=False
    )
    print("log:", log.data.decode().strip())


def attach():
    attached = stream(
        core.connect_get_namespaced_pod_attach,
        "talker",
        namespace,
        container="main",
        stdin=True,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    attached.write_stdin("hi\n")
    attached.readline_stdout(timeout=60)
    attached.close()


def forward():
    ports = portforward(core.connect_get_namespaced_pod_portforward, "talker", namespace, ports="80")
    connection = ports.socket(80)
    connection.sendall(b"GET /hostname.html HTTP/1.1\r\nHost: talker\r\nConnection: close\r\n\r\n")
    answer = b""
    while received := connection.recv(4096):
        answer += received
    connection.close()
    print("forwarded:", answer.split()[-1].decode())


def evict():
    listed = core.list_namespaced_pod(namespace)
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name="talker"))
    core.create_namespaced_pod_eviction("talker", namespace, eviction)
    watcher = watch.Watch()
    since = listed.metadata.resource_version
    for event in watcher.stream(
        core.list_namespaced_pod, namespace, resource_version=since, timeout_seconds=60
    ):
        if event["type"] == "DELETED":
            watcher.stop()
            print("evicted:", event["object"].metadata.name)


def wait_for_replicas(count):
    watcher = watch.Watch()
    for event in watcher.stream(
        apps.list_namespaced_deployment, namespace, field_selector="metadata.name=web", timeout_seconds=120
    ):
        if event["object"].status.ready_replicas == count:
            watcher.stop()
            print("ready replicas:", count)


def deploy():
    labels = {"app": "web"}
    nginx = client.V1Container(name="nginx", image="nginx:1.19")
    apps.create_namespaced_deployment(
        namespace,
        client.V1Deployment(
            metadata=client.V1ObjectMeta(name="web"),
            spec=client.V1DeploymentSpec(
                selector=client.V1LabelSelector(match_labels=labels),
                template=client.V1PodTemplateSpec(
                    metadata=client.V1ObjectMeta(labels=labels),
                    spec=client.V1PodSpec(containers=[nginx]),
                ),
            ),
        ),
    )
    wait_for_replicas(1)
    scale = apps.read_namespaced_deployment_scale("web", namespace)
    scale.spec.replicas = 2
    scale = apps.replace_namespaced_deployment_scale("web", namespace, scale)
    print("scale:", scale.spec.replicas, scale.status.selector)
    wait_for_replicas(2)
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Background")


run()
execute()
follow()
forward()
evict()
deploy()
