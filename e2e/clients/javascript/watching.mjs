// An informer that is stopped and started again by what it reads: the changes meanwhile must not be lost.

import { createInterface } from 'node:readline';

import * as k8s from '@kubernetes/client-node';

const kc = new k8s.KubeConfig();
kc.loadFromDefault();
const { namespace } = kc.getContextObject(kc.getCurrentContext());
const core = kc.makeApiClient(k8s.CoreV1Api);
const labelSelector = 'watched';
const path = `/api/v1/namespaces/${namespace}/configmaps`;
const list = () => core.listNamespacedConfigMap({ namespace, labelSelector });
const informer = k8s.makeInformer(kc, path, list, labelSelector);
informer.on('add', ({ metadata }) => console.log('added', metadata.name));
informer.on('update', ({ metadata }) => console.log('changed', metadata.name));
informer.on('delete', ({ metadata }) => console.log('deleted', metadata.name));
informer.on('error', (error) => {
  if (error.type !== 'aborted') {
    console.error(error);
    setTimeout(() => informer.start(), 500);
  }
});

await informer.start();
for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'start') {
    console.log('started');
    await informer.start();
  } else {
    await informer.stop();
    console.log('stopped');
  }
}
await informer.stop();
console.log('knows', ...informer.list(namespace).map(({ metadata }) => metadata.name));
