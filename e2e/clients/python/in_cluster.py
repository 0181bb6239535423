"""A program in a Pod, with the rights of its ServiceAccount."""

import json
from pathlib import Path

from kubernetes import client, config
from kubernetes.client import ApiException

config.load_incluster_config()
namespace = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read_text()
core = client.CoreV1Api()
review = client.AuthenticationV1Api().create_self_subject_review({})
print("as", review.status.user_info.username.split(":")[-1])
print("pods:", *[pod.metadata.name for pod in core.list_namespaced_pod(namespace).items])
try:
    core.list_namespaced_secret(namespace)
except ApiException as error:
    print("secrets:", json.loads(error.body)["reason"])
