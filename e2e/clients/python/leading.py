"""A candidate for a leadership, which says so when it leads."""

import sys

from kubernetes import client, config
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

config.load_kube_config()
namespace = config.list_kube_config_contexts()[1]["context"]["namespace"]
name = sys.argv[1]


def lead():
    lock = client.CoreV1Api().read_namespaced_config_map("captain", namespace)
    print(name, "leads", flush=True)
    assert name in lock.metadata.annotations["control-plane.alpha.kubernetes.io/leader"]


election = electionconfig.Config(
    ConfigMapLock("captain", namespace, name),
    lease_duration=4,
    renew_deadline=3,
    retry_period=1,
    onstarted_leading=lead,
    onstopped_leading=None,
)
print(name, "stands", flush=True)
leaderelection.LeaderElection(election).run()
