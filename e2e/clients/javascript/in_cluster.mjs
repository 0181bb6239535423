// A program in a Pod, with the rights of its ServiceAccount.

import * as k8s from '@kubernetes/client-node';

const kc = new k8s.KubeConfig();
kc.loadFromCluster();
const { namespace } = kc.getContextObject(kc.getCurrentContext());
const core = kc.makeApiClient(k8s.CoreV1Api);
const review = await kc.makeApiClient(k8s.AuthenticationV1Api).createSelfSubjectReview({ body: {} });
console.log('as', review.status.userInfo.username.split(':').at(-1));
const { items } = await core.listNamespacedPod({ namespace });
console.log('pods:', ...items.map(({ metadata }) => metadata.name));
try {
  await core.listNamespacedSecret({ namespace });
} catch (error) {
  console.log('secrets:', JSON.parse(error.body).reason);
}
