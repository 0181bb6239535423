// A candidate for a leadership, which says so when it leads. It follows the holder of a Lease by its own clock alone.

import { setTimeout } from 'node:timers/promises';

import * as k8s from '@kubernetes/client-node';

const LEASE_SECONDS = 4;
const RETRY_MS = 1000;

const kc = new k8s.KubeConfig();
kc.loadFromDefault();
const { namespace } = kc.getContextObject(kc.getCurrentContext());
const leases = kc.makeApiClient(k8s.CoordinationV1Api);
const name = 'captain';
const me = process.argv[2];

const held = (since, transitions) => ({
  holderIdentity: me,
  leaseDurationSeconds: LEASE_SECONDS,
  acquireTime: since,
  renewTime: new k8s.V1MicroTime(),
  leaseTransitions: transitions,
});

/** What is known of the lease, and when it was seen to change. */
let seen = { version: undefined, at: 0 };

/** Creates, renews or takes over the lease: whether it is held now. Others may be faster: a conflict is a no. */
async function tryToLead() {
  let lease;
  try {
    lease = await leases.readNamespacedLease({ name, namespace });
  } catch (error) {
    if (error.code !== 404) throw error;
    const body = { metadata: { name }, spec: held(new k8s.V1MicroTime(), 0) };
    return leases.createNamespacedLease({ namespace, body });
  }
  const { spec, metadata } = lease;
  if (seen.version !== metadata.resourceVersion) {
    seen = { version: metadata.resourceVersion, at: performance.now() };
  }
  const mine = spec.holderIdentity === me;
  if (!mine && performance.now() < seen.at + spec.leaseDurationSeconds * 1000) return false;
  const since = mine ? spec.acquireTime : new k8s.V1MicroTime();
  const next = held(since, spec.leaseTransitions + (mine ? 0 : 1));
  return leases.replaceNamespacedLease({ name, namespace, body: { ...lease, spec: next } });
}

console.log(me, 'stands');
for (let leads = false; ; await setTimeout(RETRY_MS)) {
  const did = leads;
  leads = await tryToLead().catch((error) => {
    if (error.code !== 409) throw error;
    return false;
  });
  if (leads && !did) console.log(me, 'leads');
}
