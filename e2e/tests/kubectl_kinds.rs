//! What `kubectl` tells of each kind: explain, discovery, describe, the columns of get.

use anyhow::{Result, ensure};
use skiff_e2e::{Case, Terminal, on_a_cluster, walk_through, walk_through_with_every_kubectl};

const CASES: &[Case] = &[
    ("explain", kinds_are_explained),
    ("discovery", resources_are_discovered),
    ("describe", every_kind_is_described),
    ("columns", kinds_have_their_columns),
];

#[test]
fn kubectl_knows_kinds() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, CASES))
}

#[test]
#[ignore = "long: every kubectl that is found"]
fn kubectl_knows_kinds_with_every_version() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_every_kubectl(cluster, CASES))
}

fn kinds_are_explained(terminal: &Terminal) -> Result<()> {
    terminal.says(&[
        ("explain deployment", "VERSION:    v1"),
        (
            "explain deployment.spec.strategy.rollingUpdate.maxSurge",
            "The maximum number of pods that can be scheduled above the desired number of",
        ),
        ("explain pod --recursive", "terminationGracePeriodSeconds"),
        (
            "explain cronjob --api-version=batch/v1",
            "KIND:       CronJob",
        ),
        ("explain svc.spec.type", "ClusterIP"),
        ("explain hpa.spec.metrics", "autoscaling"),
        (
            "explain pods.spec.containers.resources.limits",
            "map[string]",
        ),
        (
            "explain ingress.spec.rules --output=plaintext-openapiv2",
            "rules",
        ),
    ])?;
    terminal.complains(&[
        (
            "explain boat",
            "the server doesn't have a resource type \"boat\"",
        ),
        (
            "explain pod.spec.nothing",
            "field \"nothing\" does not exist",
        ),
    ])
}

fn resources_are_discovered(terminal: &Terminal) -> Result<()> {
    terminal.says(&[
        ("api-resources", "SHORTNAMES"),
        (
            "api-resources --api-group=apps -o wide",
            "create,delete,deletecollection,get,list,patch,update,watch",
        ),
        (
            "api-resources --namespaced=false -o name",
            "persistentvolumes",
        ),
        ("api-resources --verbs=list,watch --sort-by=kind", "CronJob"),
        (
            "api-resources --categories=all -o name",
            "statefulsets.apps",
        ),
        ("api-versions", "discovery.k8s.io/v1"),
    ])?;
    let resources = terminal.kubectl("api-resources --no-headers")?;
    for (name, rest) in [
        ("bindings", "v1 true Binding"),
        ("componentstatuses", "cs v1 false ComponentStatus"),
        ("configmaps", "cm v1 true ConfigMap"),
        ("podtemplates", "v1 true PodTemplate"),
        ("deployments", "deploy apps/v1 true Deployment"),
        (
            "horizontalpodautoscalers",
            "hpa autoscaling/v2 true HorizontalPodAutoscaler",
        ),
        ("leases", "coordination.k8s.io/v1 true Lease"),
        (
            "flowschemas",
            "flowcontrol.apiserver.k8s.io/v1 false FlowSchema",
        ),
        (
            "prioritylevelconfigurations",
            "flowcontrol.apiserver.k8s.io/v1 false PriorityLevelConfiguration",
        ),
        ("ipaddresses", "ip networking.k8s.io/v1 false IPAddress"),
        ("servicecidrs", "networking.k8s.io/v1 false ServiceCIDR"),
        (
            "networkpolicies",
            "netpol networking.k8s.io/v1 true NetworkPolicy",
        ),
        ("deviceclasses", "resource.k8s.io/v1 false DeviceClass"),
        ("resourceclaims", "resource.k8s.io/v1 true ResourceClaim"),
        (
            "resourceclaimtemplates",
            "resource.k8s.io/v1 true ResourceClaimTemplate",
        ),
        ("resourceslices", "resource.k8s.io/v1 false ResourceSlice"),
        (
            "volumeattributesclasses",
            "vac storage.k8s.io/v1 false VolumeAttributesClass",
        ),
        (
            "selfsubjectreviews",
            "authentication.k8s.io/v1 false SelfSubjectReview",
        ),
    ] {
        let expected = format!("{name} {rest}");
        ensure!(
            resources.lines().any(|line| words_of(line) == expected),
            "{expected} is not in\n{resources}"
        );
    }
    Ok(())
}

/// An object of each kind that no other test describes, with what its description says.
const DESCRIBED: &[(&str, &str, &[&str])] = &[
    (
        "configmap/described",
        "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: described}, data: {key: value}}",
        &["Name:         described", "key:", "value"],
    ),
    (
        "secret/described",
        "---\n{apiVersion: v1, kind: Secret, metadata: {name: described}, data: {key: dmFsdWU=}}",
        &["Type:  Opaque", "key:  5 bytes"],
    ),
    (
        "serviceaccount/described",
        "---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: described}}",
        &["Tokens:"],
    ),
    (
        "limitrange/described",
        "---\n{apiVersion: v1, kind: LimitRange, metadata: {name: described}, spec: {limits: [{type: Container, max: {cpu: '2'}}]}}",
        &["Container", "cpu"],
    ),
    (
        "resourcequota/described",
        "---\n{apiVersion: v1, kind: ResourceQuota, metadata: {name: described}, spec: {hard: {services: '5'}}}",
        &["Resource", "services"],
    ),
    (
        "replicationcontroller/described",
        "---\n{apiVersion: v1, kind: ReplicationController, metadata: {name: described}, spec: {replicas: 0, template: {metadata: {labels: {app: rc}}, spec: {containers: [{name: a, image: b}]}}}}",
        &["0 current / 0 desired", "Pods Status:  0 Running"],
    ),
    (
        "podtemplate/described",
        "---\n{apiVersion: v1, kind: PodTemplate, metadata: {name: described}, template: {metadata: {labels: {app: t}}, spec: {containers: [{name: a, image: b}]}}}",
        &["Name:         described"],
    ),
    (
        "service/described",
        "---\n{apiVersion: v1, kind: Service, metadata: {name: described}, spec: {selector: {app: none}, ports: [{port: 80}]}}",
        &["Type: ClusterIP", "IP Family Policy: SingleStack"],
    ),
    (
        "replicaset/described",
        "---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: described}, spec: {replicas: 0, selector: {matchLabels: {app: rs}}, template: {metadata: {labels: {app: rs}}, spec: {containers: [{name: a, image: b}]}}}}",
        &["Replicas:     0 current / 0 desired"],
    ),
    (
        "deployment/described",
        "---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: described}, spec: {replicas: 0, selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d}}, spec: {containers: [{name: a, image: b}]}}}}",
        &[
            "StrategyType:           RollingUpdate",
            "25% max unavailable, 25% max surge",
        ],
    ),
    (
        "statefulset/described",
        "---\n{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: described}, spec: {replicas: 0, serviceName: s, selector: {matchLabels: {app: s}}, template: {metadata: {labels: {app: s}}, spec: {containers: [{name: a, image: b}]}}}}",
        &["Update Strategy:    RollingUpdate", "Partition:        0"],
    ),
    (
        "daemonset/described",
        "---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: described}, spec: {selector: {matchLabels: {app: ds}}, template: {metadata: {labels: {app: ds}}, spec: {nodeSelector: {lives: nowhere}, containers: [{name: a, image: b}]}}}}",
        &[
            "Desired Number of Nodes Scheduled: 0",
            "Node-Selectors:  lives=nowhere",
        ],
    ),
    (
        "job/described",
        "---\n{apiVersion: batch/v1, kind: Job, metadata: {name: described}, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}",
        &["Parallelism:      1", "Completions:      1"],
    ),
    (
        "cronjob/described",
        "---\n{apiVersion: batch/v1, kind: CronJob, metadata: {name: described}, spec: {schedule: '@yearly', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}}}",
        &[
            "Schedule:                      @yearly",
            "Concurrency Policy:            Allow",
        ],
    ),
    (
        "horizontalpodautoscaler/described",
        "---\n{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: described}, spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: described}}}",
        &["Max replicas:", "Deployment/described"],
    ),
    (
        "poddisruptionbudget/described",
        "---\n{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: described}, spec: {minAvailable: 1, selector: {matchLabels: {app: none}}}}",
        &["Min available:  1"],
    ),
    (
        "ingress/described",
        "---\n{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: described}, spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: described, port: {number: 80}}}}]}}]}}",
        &["a.example.com", "described:80"],
    ),
    (
        "networkpolicy/described",
        "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: described}, spec: {podSelector: {}, policyTypes: [Ingress]}}",
        &["Policy Types: Ingress", "Allowing ingress traffic"],
    ),
    (
        "persistentvolumeclaim/described",
        "---\n{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: described}, spec: {storageClassName: none, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}",
        &["StorageClass:  none", "Status:        Pending"],
    ),
    (
        "endpointslice/described",
        "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: described}, addressType: IPv4, endpoints: [{addresses: [192.0.2.7]}], ports: [{port: 80}]}",
        &["AddressType:  IPv4", "Addresses:"],
    ),
    (
        "role/described",
        "---\n{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: described}, rules: [{verbs: [get], apiGroups: [''], resources: [pods]}]}",
        &["pods", "[get]"],
    ),
    (
        "rolebinding/described",
        "---\n{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: described}, roleRef: {kind: Role, name: described}, subjects: [{kind: User, name: jane}]}",
        &["Kind:  Role", "jane"],
    ),
    (
        "lease/described",
        "---\n{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: described}, spec: {holderIdentity: me}}",
        &["Holder Identity:"],
    ),
    (
        "controllerrevision/described",
        "---\n{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: described}, revision: 1, data: {a: b}}",
        &["Revision:"],
    ),
    (
        "resourceclaim.resource.k8s.io/described",
        "---\n{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: described}, spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu}}]}}}",
        &["Allocation Mode:", "ExactCount"],
    ),
];

/// The words of a text with one space between them: versions of kubectl align them differently.
fn words_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn every_kind_is_described(terminal: &Terminal) -> Result<()> {
    let manifests: Vec<&str> = DESCRIBED.iter().map(|(_, manifest, _)| *manifest).collect();
    terminal.apply(&manifests.join("\n"))?;
    for (object, _, words) in DESCRIBED {
        let said = terminal.kubectl(&format!("describe {object}"))?;
        let squeezed = words_of(&said);
        for words in *words {
            let found = squeezed.contains(&terminal.in_its_words(&words_of(words)));
            ensure!(found, "{object} without {words:?}:\n{said}");
        }
    }
    terminal.says(&[
        ("describe namespace kube-public", "Status:       Active"),
        ("describe nodes", "Allocated resources:"),
        ("describe clusterrole view", "PolicyRule:"),
        (
            "describe clusterrolebinding cluster-admin",
            "system:masters",
        ),
        ("describe storageclass standard", "Provisioner:"),
        ("describe priorityclass system-node-critical", "2000001000"),
        ("describe ingressclass", "Controller:"),
        (
            "describe configmaps -l none=such",
            "No resources found in describe",
        ),
    ])?;
    terminal.kubectl("delete resourceclaims.resource.k8s.io,jobs,daemonsets --all")?;
    Ok(())
}

/// What `kubectl get` shows of kinds that no other test lists: the headings, with `-o wide`.
const COLUMNS: &[(&str, &str, &str)] = &[
    (
        "podtemplates",
        "---\n{apiVersion: v1, kind: PodTemplate, metadata: {name: shown}, template: {metadata: {labels: {app: t}}, spec: {containers: [{name: a, image: b}]}}}",
        "NAME CONTAINERS IMAGES POD LABELS|shown a b app=t",
    ),
    (
        "flowschemas",
        "---\n{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: FlowSchema, metadata: {name: shown}, spec: {priorityLevelConfiguration: {name: shown}}}",
        "NAME PRIORITYLEVEL MATCHINGPRECEDENCE DISTINGUISHERMETHOD AGE MISSINGPL|shown shown 1000 <none>",
    ),
    (
        "prioritylevelconfigurations",
        "---\n{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: PriorityLevelConfiguration, metadata: {name: shown}, spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}}",
        "NAME TYPE NOMINALCONCURRENCYSHARES QUEUES HANDSIZE QUEUELENGTHLIMIT AGE|shown Limited 30 64 8 50",
    ),
    (
        "ipaddresses",
        "---\n{apiVersion: networking.k8s.io/v1, kind: IPAddress, metadata: {name: 192.0.2.9}, spec: {parentRef: {resource: services, namespace: columns, name: shown}}}",
        "NAME PARENTREF|192.0.2.9 services/columns/shown",
    ),
    (
        "servicecidrs",
        "---\n{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: shown}, spec: {cidrs: [192.0.2.0/24]}}",
        "NAME CIDRS AGE|shown 192.0.2.0/24",
    ),
    (
        "deviceclasses",
        "---\n{apiVersion: resource.k8s.io/v1, kind: DeviceClass, metadata: {name: shown}, spec: {}}",
        "NAME AGE|shown",
    ),
    (
        "resourceclaims",
        "---\n{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: shown}, spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu}}]}}}",
        "NAME STATE AGE|shown pending",
    ),
    (
        "resourceslices",
        "---\n{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, metadata: {name: shown}, spec: {driver: gpu.example.com, nodeName: n1, pool: {name: p, generation: 1, resourceSliceCount: 1}}}",
        "NAME NODE DRIVER POOL AGE|shown n1 gpu.example.com p",
    ),
    (
        "volumeattributesclasses",
        "---\n{apiVersion: storage.k8s.io/v1, kind: VolumeAttributesClass, metadata: {name: shown}, driverName: d.example.com, parameters: {iops: '1'}}",
        "NAME DRIVERNAME AGE|shown d.example.com",
    ),
];

fn kinds_have_their_columns(terminal: &Terminal) -> Result<()> {
    for (resource, manifest, expected) in COLUMNS {
        terminal.apply(manifest)?;
        let shown = terminal.kubectl(&format!("get {resource} -o wide"))?;
        let lines: Vec<String> = shown.lines().map(words_of).collect();
        let (headings, row) = expected.split_once('|').unwrap_or_default();
        ensure!(
            lines[0] == headings && lines[1..].iter().any(|line| line.starts_with(row)),
            "{resource}: {shown}"
        );
    }
    terminal.kubectl("delete flowschema,prioritylevelconfiguration,servicecidr,deviceclass,resourceslice,volumeattributesclass shown")?;
    terminal.kubectl("delete ipaddress 192.0.2.9")?;
    Ok(())
}
