//! Policies in CEL, as a user writes them: they refuse, warn and change objects; and the conditions of webhooks.

use anyhow::{Result, ensure};
use skiff_e2e::{eventually, on_a_cluster};

/// The first line of a list, but for the age.
fn columns(listed: &str) -> Vec<&str> {
    let line = listed.lines().next().unwrap_or_default();
    line.split_whitespace().take(3).collect()
}

/// How many replicas a Deployment may have in namespaces that are labelled `environment=test`; the limit is in a ConfigMap.
const FEW_REPLICAS: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: few-replicas.example.com}
spec:
  failurePolicy: Fail
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  matchConditions:
  - {name: not-the-system, expression: '!(\"system:nodes\" in request.userInfo.groups)'}
  variables:
  - {name: limit, expression: int(params.data.replicas)}
  validations:
  - expression: object.spec.replicas <= variables.limit
    messageExpression: \"'replicas must be no greater than ' + string(variables.limit)\"
    reason: Invalid
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: few-replicas-test.example.com}
spec:
  policyName: few-replicas.example.com
  validationActions: [Deny]
  paramRef: {name: limits, parameterNotFoundAction: Deny}
  matchResources:
    namespaceSelector: {matchLabels: {environment: test}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: test}
data: {replicas: '3'}
";

#[test]
fn a_policy_refuses_what_its_parameters_do_not_allow() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create namespace test")?;
        cluster.kubectl("label namespace test environment=test")?;
        cluster.apply(FEW_REPLICAS)?;
        let listed = cluster.kubectl("get validatingadmissionpolicies --no-headers")?;
        ensure!(
            columns(&listed) == ["few-replicas.example.com", "1", "v1/ConfigMap"],
            "{listed}"
        );
        let listed = cluster.kubectl("get validatingadmissionpolicybindings --no-headers")?;
        let (binding, policy) = ("few-replicas-test.example.com", "few-replicas.example.com");
        ensure!(columns(&listed) == [binding, policy, "limits"], "{listed}");

        // Policies are in force a moment after they are stored.
        let create = "kubectl create deployment web --image=busybox:1.28 -n test";
        let denied = "ValidatingAdmissionPolicy 'few-replicas.example.com' with binding \
                      'few-replicas-test.example.com' denied request:";
        eventually("too many replicas are refused", 30, || {
            let refused = cluster.refused(&format!("{create} --replicas=4 --dry-run=server"))?;
            let words = format!("{denied} replicas must be no greater than 3");
            ensure!(refused.contains(&words), "{refused}");
            Ok(())
        })?;
        cluster.kubectl("create deployment web --image=busybox:1.28 -n test --replicas=0")?;
        let edited = "kubectl -n test patch deployment web -p '{\"spec\": {\"replicas\": 9}}'";
        let refused = cluster.refused(edited)?;
        let words = format!(
            "The deployments \"web\" is invalid: : {denied} replicas must be no greater than 3"
        );
        ensure!(refused.contains(&words), "{refused}");

        // Another limit holds at once; without any, nothing is allowed; elsewhere the policy has no say.
        cluster.kubectl("-n test patch configmap limits -p '{\"data\": {\"replicas\": \"9\"}}'")?;
        cluster.sh(edited)?;
        cluster.kubectl("-n test delete configmap limits")?;
        let refused = cluster.refused("kubectl -n test label deployment web a=b")?;
        let words = format!(
            "{denied} failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
        );
        ensure!(refused.contains(&words), "{refused}");
        cluster
            .kubectl("create deployment web --image=busybox:1.28 --replicas=12 --dry-run=server")?;
        cluster.kubectl("delete validatingadmissionpolicybinding few-replicas-test.example.com")?;
        eventually("the policy is out of force", 30, || {
            cluster.kubectl("-n test label deployment web a=b --overwrite --dry-run=server")
        })?;
        Ok(())
    })
}

/// Warns of ConfigMaps without an owner, and forbids secret ones.
const OWNERS: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: owners}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE, DELETE], resources: [configmaps]}
    excludeResourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [configmaps], resourceNames: [kube-root-ca.crt]}
  validations:
  - {expression: \"request.operation == 'DELETE' || has(object.metadata.labels) && 'owner' in object.metadata.labels\", message: nobody owns it}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: owners}
spec: {policyName: owners, validationActions: [Warn, Audit]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: kept}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: [DELETE], resources: [configmaps]}
    objectSelector: {matchLabels: {keep: 'yes'}}
  validations:
  - expression: authorizer.group('').resource('nodes').check('delete').allowed() && request.userInfo.username == 'nobody'
    message: it is kept
    reason: Forbidden
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: kept}
spec: {policyName: kept, validationActions: [Deny]}
";

#[test]
fn a_policy_warns_forbids_and_is_refused_itself() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(OWNERS)?;
        let warning = "Warning: Validation failed for ValidatingAdmissionPolicy 'owners' with binding 'owners': nobody owns it";
        eventually("the user is warned", 30, || {
            let made = cluster.sh("kubectl create configmap mine --dry-run=server 2>&1")?;
            ensure!(made.contains(warning), "{made}");
            Ok(())
        })?;
        let made = cluster.sh(
            "kubectl create configmap mine --dry-run=client -o yaml | kubectl label -f - --local -o yaml keep=yes owner=me \
             | kubectl create -f - 2>&1",
        )?;
        ensure!(!made.contains("Warning"), "{made}");
        let denied = "configmaps \"mine\" is forbidden: ValidatingAdmissionPolicy 'kept' with binding 'kept' denied request: it is kept";
        eventually("it is kept", 30, || {
            let refused = cluster.refused("kubectl delete configmap mine --dry-run=server")?;
            ensure!(refused.contains(denied), "{refused}");
            Ok(())
        })?;

        // A policy that does not compile is refused with the place.
        let wrong = OWNERS.replace("has(object.metadata.labels)", "has(objekt.metadata.labels)");
        let refused = cluster.refused_with("kubectl apply -f -", &wrong)?;
        let words = "spec.validations[0].expression: Invalid value: ";
        ensure!(refused.contains(words), "{refused}");
        let words = "undeclared reference to 'objekt' (in container '')";
        ensure!(refused.contains(words), "{refused}");
        Ok(())
    })
}

/// Limits HorizontalPodAutoscalers, and names a field that they have not.
const FEW_AT_MOST: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: few-at-most}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [autoscaling], apiVersions: [v2], operations: [CREATE], resources: [horizontalpodautoscalers]}
  validations:
  - {expression: object.spec.maxReplicas <= 3, message: three are enough}
  - {expression: '!has(object.spec.colour)'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: few-at-most}
spec: {policyName: few-at-most, validationActions: [Deny]}
";

/// One of the version that the policy does not name.
const OLD_AUTOSCALER: &str = "
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 9}
";

#[test]
fn a_policy_is_about_all_versions_and_is_told_of_unknown_fields() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(FEW_AT_MOST)?;
        let dry = "kubectl create --dry-run=server -f -";
        eventually("an autoscaler of the other version is refused", 30, || {
            let refused = cluster.refused_with(dry, OLD_AUTOSCALER)?;
            let words = "ValidatingAdmissionPolicy 'few-at-most' with binding 'few-at-most' denied request: three are enough";
            ensure!(refused.contains(words), "{refused}");
            Ok(())
        })?;
        let exact = FEW_AT_MOST.replace(
            "matchConstraints:",
            "matchConstraints:\n    matchPolicy: Exact",
        );
        cluster.apply(&exact)?;
        eventually("it is about what it names alone", 30, || {
            cluster.apply(OLD_AUTOSCALER)
        })?;

        eventually("unknown fields are told", 30, || {
            let told = cluster.kubectl(
                "get validatingadmissionpolicy few-at-most -o jsonpath='{.status.observedGeneration}|{.status.typeChecking.expressionWarnings[*].fieldRef}|{.status.typeChecking.expressionWarnings[*].warning}'",
            )?;
            let expected = "2|spec.validations[1].expression|autoscaling/v2, Kind=HorizontalPodAutoscaler: \
                            ERROR: <input>:1:17: undefined field 'colour'\n | !has(object.spec.colour)\n | ................^";
            ensure!(told == expected, "{told}");
            Ok(())
        })?;
        Ok(())
    })
}

/// Every Pod gets the label of its namespace's team, and one that wants it a second container.
const SIDECAR: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: sidecar}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}
    namespaceSelector: {matchExpressions: [{key: team, operator: Exists}]}
  matchConditions:
  - name: wanted
    expression: object.metadata.?labels.?sidecar.orValue('no') == 'wanted'
  - name: not-there
    expression: '!object.spec.containers.exists(c, c.name == \"side\")'
  failurePolicy: Fail
  reinvocationPolicy: IfNeeded
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: >
        [JSONPatch{op: 'add', path: '/spec/containers/-', value: Object.spec.containers{
          name: 'side', image: 'busybox:1.28', command: ['sleep', '3600']
        }}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: sidecar}
spec: {policyName: sidecar}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: team}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}
    namespaceSelector: {matchExpressions: [{key: team, operator: Exists}]}
  failurePolicy: Fail
  reinvocationPolicy: Never
  variables:
  - {name: team, expression: namespaceObject.metadata.labels.team}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >
        Object{metadata: Object.metadata{labels: {
          'example.com/team': variables.team, 'containers': string(object.spec.containers.size())
        }}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: team}
spec: {policyName: team}
";

#[test]
fn a_policy_adds_a_label_and_a_container() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create namespace shop")?;
        cluster.kubectl("label namespace shop team=blue")?;
        cluster.apply(SIDECAR)?;
        let listed = cluster.kubectl("get mutatingadmissionpolicies --no-headers")?;
        ensure!(columns(&listed) == ["sidecar", "1", "<unset>"], "{listed}");
        let labels = "-o jsonpath={.metadata.labels}";
        eventually("the policies change Pods", 30, || {
            let dry = "run plain --image=busybox:1.28 -n shop --dry-run=server";
            let made = cluster.kubectl(&format!("{dry} {labels}"))?;
            let expected = r#"{"containers":"1","example.com/team":"blue","run":"plain"}"#;
            ensure!(made == expected, "{made}");
            Ok(())
        })?;
        cluster.kubectl(
            "run web -n shop --image=busybox:1.28 --restart=Never --labels=sidecar=wanted -- sleep 3600",
        )?;
        cluster.kubectl("-n shop wait pod web --for=condition=Ready --timeout=90s")?;
        let containers = "-n shop get pod web -o jsonpath={.spec.containers[*].name}/{.metadata.labels.containers}";
        let containers = cluster.kubectl(containers)?;
        ensure!(containers == "web side/2", "{containers}");
        let elsewhere = cluster.kubectl(&format!(
            "run plain --image=busybox:1.28 --dry-run=server {labels}"
        ))?;
        ensure!(elsewhere == r#"{"run":"plain"}"#, "{elsewhere}");

        // One that cannot change what it wants to change refuses, unless it is to be ignored.
        let wrong = SIDECAR.replace("metadata{labels:", "metadata{lables:");
        cluster.apply(&wrong)?;
        let run = "kubectl run web2 -n shop --image=busybox:1.28 --labels=sidecar=wanted --dry-run=server";
        eventually("what does not fit is refused", 30, || {
            let refused = cluster.refused(run)?;
            let words = "policy 'team' with binding 'team' denied request: error applying patch: invalid ApplyConfiguration: ";
            ensure!(refused.contains(words), "{refused}");
            Ok(())
        })?;
        cluster.apply(&wrong.replace("failurePolicy: Fail", "failurePolicy: Ignore"))?;
        eventually("what fails is ignored", 30, || cluster.sh(run))?;
        Ok(())
    })
}

/// A webhook that nobody answers for, which is asked about the ConfigMaps of `late` alone.
const WEBHOOK: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: absent}
webhooks:
- name: absent.example.com
  clientConfig: {url: 'https://127.0.0.1:9/absent'}
  rules: [{apiGroups: [''], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
  matchConditions:
  - {name: not-the-nodes, expression: '!request.userInfo.username.startsWith(\"system:node:\")'}
  - {name: late, expression: 'object.metadata.name == \"late\"'}
  sideEffects: None
  admissionReviewVersions: [v1]
";

#[test]
fn a_webhook_is_asked_if_its_conditions_hold() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(WEBHOOK)?;
        eventually("the webhook is asked", 30, || {
            let refused = cluster.refused("kubectl create configmap late --dry-run=server")?;
            let words = "failed calling webhook \"absent.example.com\"";
            ensure!(refused.contains(words), "{refused}");
            Ok(())
        })?;
        cluster.kubectl("create configmap early")?;
        let wrong = WEBHOOK.replace("== \"late\"", "==");
        let refused = cluster.refused_with("kubectl apply -f -", &wrong)?;
        let words = "webhooks[0].matchConditions[1].expression: Invalid value: ";
        ensure!(refused.contains(words), "{refused}");
        ensure!(
            refused.contains("compilation failed: ERROR: <input>:1:"),
            "{refused}"
        );
        Ok(())
    })
}
