// A kind of one's own: defined, found by discovery, checked, scaled, with a status, watched by its name.

import * as k8s from '@kubernetes/client-node';

const kc = new k8s.KubeConfig();
kc.loadFromDefault();
const { namespace } = kc.getContextObject(kc.getCurrentContext());
const group = 'javascript.example.com';
const [version, plural, name] = ['v1', 'widgets', 'gear'];
const custom = kc.makeApiClient(k8s.CustomObjectsApi);
const watch = new k8s.Watch(kc);
const here = { group, version, namespace, plural };
const merge = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch);

/** Watches until an event fits. */
function seen(path, query, fits) {
  return new Promise((resolve, reject) => {
    const watching = watch.watch(
      path,
      query,
      async (type, object) => {
        if (fits(type, object)) {
          resolve(object);
          (await watching).abort();
        }
      },
      (error) => reject(error ?? new Error('the watch ended')),
    );
  });
}

async function define() {
  const definitions = kc.makeApiClient(k8s.ApiextensionsV1Api);
  const integer = { type: 'integer' };
  const spec = {
    type: 'object',
    required: ['colour'],
    properties: {
      colour: { type: 'string', _enum: ['red', 'blue'] },
      replicas: { ...integer, _default: 1, maximum: 9 },
    },
  };
  const status = { type: 'object', properties: { phase: { type: 'string' }, replicas: integer } };
  const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
  const definition = `${plural}.${group}`;
  await definitions.createCustomResourceDefinition({
    body: {
      metadata: { name: definition },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural, singular: 'widget', kind: 'Widget', shortNames: ['wd'] },
        versions: [
          {
            name: version,
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
            subresources: { status: {}, scale },
          },
        ],
      },
    },
  });
  const established = await seen(
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    { fieldSelector: `metadata.name=${definition}` },
    (_, { status }) => status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True'),
  );
  console.log('defined:', established.status.acceptedNames.kind);
}

const widget = (spec) => ({ apiVersion: `${group}/${version}`, kind: 'Widget', metadata: { name }, spec });

async function use() {
  try {
    await custom.createNamespacedCustomObject({ ...here, body: widget({ colour: 'green' }) });
  } catch (error) {
    const [cause] = JSON.parse(error.body).details.causes;
    console.log('refused:', cause.reason, cause.field);
  }
  let gear = await custom.createNamespacedCustomObject({ ...here, body: widget({ colour: 'red' }) });
  console.log('created:', gear.spec.replicas, 'replicas, generation', gear.metadata.generation);
  const body = { ...gear, status: { phase: 'Turning', replicas: 1 } };
  gear = await custom.replaceNamespacedCustomObjectStatus({ ...here, name, body });
  console.log('status:', gear.status.phase, 'generation', gear.metadata.generation);
  const three = { spec: { replicas: 3 } };
  const scale = await custom.patchNamespacedCustomObjectScale({ ...here, name, body: three }, merge);
  console.log('scaled:', scale.spec.replicas, 'of', scale.status.replicas);
  const listed = await custom.listNamespacedCustomObject(here);
  console.log('listed:', ...listed.items.map((item) => item.metadata.name), listed.kind);
  console.log('generation:', listed.items[0].metadata.generation);
}

async function discover() {
  const { resources } = await custom.getAPIResources({ group, version });
  const subresources = resources.filter((resource) => resource.name.startsWith(`${plural}/`));
  const [kind] = resources.filter((resource) => resource.name === plural);
  const parts = subresources.map((resource) => resource.name.split('/')[1]).sort();
  console.log('discovered:', kind.name, ...parts);
  const objects = k8s.KubernetesObjectApi.makeApiClient(kc);
  const blue = widget({ colour: 'blue' });
  blue.metadata.namespace = namespace;
  const apply = k8s.PatchStrategy.ServerSideApply;
  const applied = await objects.patch(blue, undefined, undefined, 'painter', true, apply);
  console.log('applied:', applied.spec.colour, applied.spec.replicas);
  await custom.deleteNamespacedCustomObject({ ...here, name });
  const query = { resourceVersion: applied.metadata.resourceVersion };
  const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;
  let told;
  const gone = await seen(path, query, (type) => {
    told = type;
    return true;
  });
  console.log('watched:', told, gone.metadata.name);
}

await define();
await use();
await discover();
