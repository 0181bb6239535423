"""An informer that is stopped and started again by what it reads: the changes meanwhile must not be lost."""

import sys

from kubernetes import client, config
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer

config.load_kube_config()
namespace = config.list_kube_config_contexts()[1]["context"]["namespace"]
informer = SharedInformer(
    client.CoreV1Api().list_namespaced_config_map, namespace=namespace, label_selector="watched"
)
for event, said in {ADDED: "added", MODIFIED: "changed", DELETED: "deleted"}.items():
    informer.add_event_handler(event, lambda seen, said=said: print(said, seen.metadata.name, flush=True))

informer.start()
for command in sys.stdin:
    if command == "stop\n":
        informer.stop()
        print("stopped", flush=True)
    else:
        print("started", flush=True)
        informer.start()
informer.stop()
print("knows", *[known.metadata.name for known in informer.cache.list()])
