// Objects as every program handles them: made, read, changed in each way, applied, listed in pages, removed.

import * as k8s from '@kubernetes/client-node';

const kc = new k8s.KubeConfig();
kc.loadFromDefault();
const { namespace } = kc.getContextObject(kc.getCurrentContext());
const core = kc.makeApiClient(k8s.CoreV1Api);
const objects = k8s.KubernetesObjectApi.makeApiClient(kc);

/** The reason why the server refuses. */
async function refused(request) {
  try {
    await request;
  } catch (error) {
    const body = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
    return body.reason;
  }
  return 'not refused';
}

const as = (patch) => k8s.setHeaderOptions('Content-Type', patch);

function configMap(name, data) {
  return { metadata: { name, labels: { app: 'objects', name } }, data };
}

async function changing() {
  const version = await kc.makeApiClient(k8s.VersionApi).getCode();
  console.log('version', `${version.major}.${version.minor}`);
  const body = configMap('settings', { colour: 'blue' });
  const settings = await core.createNamespacedConfigMap({ namespace, body });
  console.log('created:', settings.data.colour);
  console.log('again:', await refused(core.createNamespacedConfigMap({ namespace, body })));
  const patch = (body, type) => core.patchNamespacedConfigMap({ name: 'settings', namespace, body }, as(type));
  let patched = await patch({ data: { colour: 'green' } }, k8s.PatchStrategy.MergePatch);
  console.log('merge patch:', patched.data.colour);
  patched = await patch([{ op: 'add', path: '/data/size', value: '3' }], k8s.PatchStrategy.JsonPatch);
  console.log('JSON patch:', patched.data.size);
  patched = await patch({ metadata: { labels: { tier: 'web' } } }, k8s.PatchStrategy.StrategicMergePatch);
  console.log('strategic merge patch:', patched.metadata.labels.tier, patched.metadata.labels.app);
  const replace = (body) => core.replaceNamespacedConfigMap({ name: 'settings', namespace, body });
  console.log('stale:', await refused(replace(settings)));
  const replaced = await replace({ ...patched, data: { colour: 'black' } });
  console.log('replaced:', ...Object.keys(replaced.data));
  const tried = await core.patchNamespacedConfigMap(
    { name: 'settings', namespace, body: { data: { colour: 'pink' } }, dryRun: 'All' },
    as(k8s.PatchStrategy.MergePatch),
  );
  const read = await core.readNamespacedConfigMap({ name: 'settings', namespace });
  console.log('tried:', tried.data.colour, 'read:', read.data.colour);
}

async function applying() {
  const apply = (data, manager, force = false) =>
    objects.patch(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'taste', namespace }, data },
      undefined,
      undefined,
      manager,
      force,
      k8s.PatchStrategy.ServerSideApply,
    );
  let applied = await apply({ colour: 'red', flavour: 'sweet' }, 'robot');
  console.log('applied by', applied.metadata.managedFields[0].manager);
  console.log('applied by human:', await refused(apply({ colour: 'white' }, 'human')));
  applied = await apply({ colour: 'white' }, 'human', true);
  console.log('forced:', applied.data.colour, applied.data.flavour);
  applied = await apply({}, 'robot');
  console.log('left:', ...Object.keys(applied.data));
}

async function listing() {
  for (let number = 1; number <= 5; number += 1) {
    await core.createNamespacedConfigMap({ namespace, body: configMap(`item-${number}`) });
  }
  const list = (query) => core.listNamespacedConfigMap({ namespace, ...query });
  const names = ({ items }) => items.map((item) => item.metadata.name);
  const sizes = [];
  let token;
  do {
    const page = await list({ labelSelector: 'name notin (settings),app=objects', limit: 2, _continue: token });
    sizes.push(page.items.length);
    token = page.metadata._continue;
  } while (token);
  console.log('pages:', ...sizes);
  console.log('selected:', ...names(await list({ labelSelector: 'name in (item-1,item-3)' })));
  console.log('by its field:', ...names(await list({ fieldSelector: 'metadata.name=item-2' })));
  await core.deleteNamespacedConfigMap({ name: 'item-2', namespace });
  console.log('deleted:', await refused(core.readNamespacedConfigMap({ name: 'item-2', namespace })));
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'app=objects' });
  console.log('left:', names(await list({ labelSelector: 'app=objects' })).length);
}

async function asAServiceAccount() {
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'robot' } } });
  const request = { name: 'robot', namespace, body: { spec: { audiences: [] } } };
  const { status } = await core.createNamespacedServiceAccountToken(request);
  const own = new k8s.KubeConfig();
  own.loadFromClusterAndUser(kc.getCurrentCluster(), { name: 'robot', token: status.token });
  const review = await own.makeApiClient(k8s.AuthenticationV1Api).createSelfSubjectReview({ body: {} });
  console.log('token of:', review.status.userInfo.username.split(':').at(-1));
  console.log('secrets:', await refused(own.makeApiClient(k8s.CoreV1Api).listNamespacedSecret({ namespace })));
}

async function recording() {
  const { metadata } = await core.readNamespacedServiceAccount({ name: 'robot', namespace });
  const body = {
    metadata: { generateName: 'robot-' },
    regarding: { apiVersion: 'v1', kind: 'ServiceAccount', name: 'robot', namespace, uid: metadata.uid },
    type: 'Normal',
    reason: 'Oiled',
    action: 'Oiling',
    note: 'It runs smoothly',
    eventTime: new k8s.V1MicroTime(),
    reportingController: 'example.com/workshop',
    reportingInstance: 'workshop-1',
  };
  await kc.makeApiClient(k8s.EventsV1Api).createNamespacedEvent({ namespace, body });
  const found = await core.listNamespacedEvent({ namespace, fieldSelector: 'involvedObject.name=robot' });
  const [event] = found.items;
  console.log('event:', event.type, event.reason, event.message);
}

await changing();
await applying();
await listing();
await asAServiceAccount();
await recording();
