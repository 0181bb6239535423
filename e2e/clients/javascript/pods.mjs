// A Pod and what one does with it: wait, talk, run commands inside, read and follow its log, reach its port, evict it.

import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import * as k8s from '@kubernetes/client-node';

const kc = new k8s.KubeConfig();
kc.loadFromDefault();
const { namespace } = kc.getContextObject(kc.getCurrentContext());
const core = kc.makeApiClient(k8s.CoreV1Api);
const apps = kc.makeApiClient(k8s.AppsV1Api);
const watch = new k8s.Watch(kc);
const POD = {
  metadata: { name: 'talker' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'main',
        image: 'busybox:1.28',
        stdin: true,
        command: ['sh', '-c', 'echo begin; while read line; do echo you said $line; done'],
      },
      { name: 'nginx', image: 'nginx:1.19' },
    ],
  },
};

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

const podsPath = `/api/v1/namespaces/${namespace}/pods`;

async function run() {
  await core.createNamespacedPod({ namespace, body: POD });
  const isReady = (_, { status }) => status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  const pod = await seen(podsPath, {}, isReady);
  console.log('ready:', pod.metadata.name);
}

/** Runs a command with this input, and returns what it says and its end. */
async function command(words, input) {
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const said = Promise.all([text(stdout), text(stderr)]);
  const exec = new k8s.Exec(kc);
  const status = await new Promise((resolve, reject) => {
    const started = exec.exec(namespace, 'talker', 'main', words, stdout, stderr, stdin, false, resolve);
    started.then(() => stdin.end(input), reject);
  });
  return { said: await said, status };
}

async function execute() {
  const { said } = await command(['echo', 'hello'], '');
  console.log('exec:', said[0].trim());
  const script = 'read word; echo $word; echo no >&2; exit 7';
  const { said: [stdout, stderr], status } = await command(['sh', '-c', script], 'typed\n');
  console.log('stdout:', stdout.trim());
  console.log('stderr:', stderr.trim());
  console.log('exit code:', status.details.causes[0].message);
}

/** Reads the log while the container is talked to. */
async function follow() {
  const lines = new PassThrough({ encoding: 'utf8' });
  const following = await new k8s.Log(kc).log(namespace, 'talker', 'main', lines, { follow: true });
  const [first] = await once(lines, 'data');
  console.log('followed:', first.trim());
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const attached = await new k8s.Attach(kc).attach(namespace, 'talker', 'main', stdout, null, stdin, false);
  stdin.write('hi\n');
  const [second] = await once(lines, 'data');
  console.log('followed:', second.trim());
  attached.close();
  following.abort();
  const log = await core.readNamespacedPodLog({ name: 'talker', namespace, container: 'main', tailLines: 1 });
  console.log('log:', log.trim());
}

async function forward() {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const socket = await new k8s.PortForward(kc).portForward(namespace, 'talker', [80], output, null, input);
  input.write('GET /hostname.html HTTP/1.1\r\nHost: talker\r\nConnection: close\r\n\r\n');
  socket.on('close', () => output.end());
  const answer = await text(output);
  console.log('forwarded:', answer.trim().split(/\s+/).at(-1));
}

async function evict() {
  const { metadata } = await core.listNamespacedPod({ namespace });
  await core.createNamespacedPodEviction({ name: 'talker', namespace, body: { metadata: { name: 'talker' } } });
  const pod = await seen(podsPath, { resourceVersion: metadata.resourceVersion }, (type) => type === 'DELETED');
  console.log('evicted:', pod.metadata.name);
}

async function deploy() {
  const [name, labels] = ['web', { app: 'web' }];
  const template = { metadata: { labels }, spec: { containers: [{ name: 'nginx', image: 'nginx:1.19' }] } };
  const body = { metadata: { name }, spec: { selector: { matchLabels: labels }, template } };
  await apps.createNamespacedDeployment({ namespace, body });
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const replicas = async (count) => {
    await seen(path, { fieldSelector: 'metadata.name=web' }, (_, { status }) => status.readyReplicas === count);
    console.log('ready replicas:', count);
  };
  await replicas(1);
  const scale = await apps.readNamespacedDeploymentScale({ name, namespace });
  scale.spec.replicas = 2;
  const scaled = await apps.replaceNamespacedDeploymentScale({ name, namespace, body: scale });
  console.log('scale:', scaled.spec.replicas, scaled.status.selector);
  await replicas(2);
  await apps.deleteNamespacedDeployment({ name, namespace, propagationPolicy: 'Background' });
}

await run();
await execute();
await follow();
await forward();
await evict();
await deploy();
