import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiFields, readApiConfig } from '#api/config.ts';
import { parseConfig } from '#config/parse.ts';
import { workerFields } from '#worker/config.ts';
import { FOLDER, type Labels, ofKind, parseObjects, type Workload, workloadsOf } from './objects.ts';
import { buildOverlay, found, OVERLAYS } from './overlays.ts';

type Port = { name: string; port: number; targetPort: string };
type Service = { spec: { selector: Labels; ports: Port[]; sessionAffinity?: string } };
type Target = { kind: string; name: string };
type Scaler = { spec: { scaleTargetRef: Target } };
type Selected = { spec: { selector: { matchLabels: Labels } } };
type PodMonitor = Selected & { spec: { jobLabel: string; podMetricsEndpoints: { port: string }[] } };
type Backend = { service: { name: string; port: { name: string } } };
type Ingress = {
  spec: { tls: { hosts: string[] }[]; rules: { host: string; http: { paths: { backend: Backend }[] } }[] };
};
type ConfigMap = { data: Record<string, string> };

const docs = readFileSync(join(FOLDER, '../../docs/kubernetes.md'), 'utf8');

/** Keys of the Secrets that `secrets.sh` prints, by name. */
function printedSecrets(): Map<string, string[]> {
  const text = execFileSync('/bin/sh', [join(FOLDER, 'overlays/single/secrets.sh')], {
    env: { PATH: '/usr/bin:/bin' },
  }).toString();
  const secrets = ofKind<{ stringData: Record<string, string> }>(parseObjects(text), 'Secret');
  return new Map([...secrets].map(([name, { stringData }]) => [name, Object.keys(stringData)]));
}

const secretsOf = ({ pod }: Workload) =>
  pod.volumes.flatMap(({ secret, projected }) => [
    ...(secret && !secret.optional ? [secret.secretName] : []),
    ...(projected?.sources.map((source) => source.secret.name) ?? []),
  ]);

describe.skipIf('missing' in found).each(OVERLAYS)('the names in %s', async (overlay) => {
  const objects = await buildOverlay(overlay);
  const workloads = workloadsOf(objects);
  const selectedBy = (selector: Labels) =>
    workloads.filter(({ labels }) => Object.entries(selector).every(([key, value]) => labels[key] === value));
  const portsOf = (selector: Labels) =>
    selectedBy(selector).flatMap(({ pod }) =>
      pod.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)),
    );

  it.each(workloads)('of ConfigMaps and volumes that $name uses exist', ({ pod, containers, claims }) => {
    const maps = [
      ...containers.flatMap(({ envFrom = [] }) => envFrom.map(({ configMapRef }) => configMapRef.name)),
      ...pod.volumes.flatMap(({ configMap }) => (configMap ? [configMap.name] : [])),
    ];
    for (const name of maps) expect([...ofKind(objects, 'ConfigMap').keys()]).toContain(name);
    const volumes = [...pod.volumes.map(({ name }) => name), ...claims];
    for (const { volumeMounts } of containers) for (const { name } of volumeMounts) expect(volumes).toContain(name);
    for (const { persistentVolumeClaim: claim } of pod.volumes) {
      if (claim) expect([...ofKind(objects, 'PersistentVolumeClaim').keys()]).toContain(claim.claimName);
    }
  });

  it.each(workloads)('of Secrets that $name uses are those that the documentation creates', (workload) => {
    for (const name of secretsOf(workload)) {
      if (overlay === 'single') expect([...printedSecrets().keys()]).toContain(name);
      else expect(docs).toMatch(new RegExp(`create secret generic ${name} `));
    }
  });

  it('of Services lead to ports of pods', () => {
    for (const [name, { spec }] of ofKind<Service>(objects, 'Service')) {
      for (const { targetPort } of spec.ports) expect(portsOf(spec.selector), name).toContain(targetPort);
    }
  });

  it('of the Ingress lead to the api, without sticky sessions, under the host of PUBLIC_URL', () => {
    const [{ spec } = { spec: undefined }] = ofKind<Ingress>(objects, 'Ingress').values();
    const service = ofKind<Service>(objects, 'Service').get('api');
    const [rule] = spec?.rules ?? [];
    expect(rule?.http.paths.map(({ backend }) => backend.service)).toEqual([{ name: 'api', port: { name: 'http' } }]);
    expect(service?.spec).toMatchObject({ sessionAffinity: 'None', ports: [{ name: 'http' }] });
    const settings = [...ofKind<ConfigMap>(objects, 'ConfigMap')].find(([name]) => name.startsWith('settings-'))?.[1]
      .data;
    expect(new URL(settings?.PUBLIC_URL ?? '').host).toBe(rule?.host);
    expect(spec?.tls[0]?.hosts).toEqual([rule?.host]);
  });

  it.each([
    ['api', apiFields, readApiConfig],
    ['worker', workerFields, (env: Record<string, string>) => parseConfig(workerFields, env)],
  ] as const)('of variables are those of the %s, with valid values', (name, fields, read) => {
    const workload = workloads.find((each) => each.name === name);
    const [container] = workload?.pod.containers ?? [];
    const maps = ofKind<ConfigMap>(objects, 'ConfigMap');
    const sources = container?.envFrom?.map(({ configMapRef }) => maps.get(configMapRef.name)?.data ?? {}) ?? [];
    const env: Record<string, string> = Object.assign({}, ...sources);
    expect(Object.keys(env).length).toBeGreaterThan(4);
    const secrets = {
      DATABASE_URL: 'postgres://a:b@db/alerts',
      QUEUE_URL: 'rediss://redis',
      SECRETS_KEY: `${'A'.repeat(43)}=`,
    };
    const mounts = container?.volumeMounts.map(({ mountPath }) => mountPath) ?? [];
    for (const { name: variable, value } of container?.env ?? []) {
      const [, secret = ''] = /^(\w+)_FILE$/.exec(variable) ?? [];
      expect(
        mounts.some((path) => value.startsWith(`${path}/`)),
        value,
      ).toBe(true);
      expect(value).toBe(`/run/alerts/${secret.toLowerCase()}`);
      env[secret] = secrets[secret as keyof typeof secrets] ?? ''; // its file is in the Secret
    }
    for (const variable of Object.keys(env)) expect(Object.keys(fields), variable).toContain(variable);
    for (const folder of ['PROFILE_DIR', 'COPY_TMPDIR']) if (env[folder]) expect(mounts).toContain(env[folder]);
    if (env.MEDIA_URL) expect(mounts).toContain(new URL(env.MEDIA_URL).pathname);
    expect(() => read(env)).not.toThrow();
  });
});

it.skipIf(process.platform === 'win32')(
  'the Secrets of the overlay single have the keys that their pods read, and other values each time',
  () => {
    const secrets = printedSecrets();
    expect(secrets.get('alerts-app')).toEqual(['database_url', 'queue_url']);
    expect(secrets.get('alerts-owner')).toEqual(['database_url', 'queue_url']);
    expect(secrets.get('alerts-secrets-key')).toEqual(['secrets_key']);
    expect(secrets.get('alerts-postgres')).toEqual(['postgres', 'owner', 'app']);
    expect(secrets.get('alerts-redis')).toEqual(['redis', 'redis.conf']);
  },
);

describe.skipIf('missing' in found)('the autoscalers and monitors', async () => {
  const objects = await buildOverlay('production');
  const deployments = workloadsOf(objects).filter(({ kind }) => kind === 'Deployment');

  it('scale the two Deployments, whose manifests have no number of replicas', () => {
    const scalers = ['HorizontalPodAutoscaler', 'ScaledObject'].flatMap((kind) => [
      ...ofKind<Scaler>(objects, kind).values(),
    ]);
    const targets = scalers.map(({ spec }) => spec.scaleTargetRef.name);
    expect(targets.toSorted()).toEqual(deployments.map(({ name }) => name).toSorted());
    for (const { replicas, name } of deployments) expect(replicas, name).toBeUndefined();
  });

  it.each(['PodDisruptionBudget', 'PodMonitor'])('have a %s for each of them', (kind) => {
    for (const { name, labels } of deployments) {
      const object = ofKind<Selected>(objects, kind).get(name);
      expect(labels).toMatchObject(object?.spec.selector.matchLabels ?? { missing: kind });
    }
  });

  it('scrape ports that exist, with the labels `job` of the alerting rules', () => {
    for (const { name, labels, pod } of deployments) {
      const monitor = ofKind<PodMonitor>(objects, 'PodMonitor').get(name);
      const ports = pod.containers.flatMap((container) => container.ports?.map((port) => port.name) ?? []);
      expect(ports).toEqual(monitor?.spec.podMetricsEndpoints.map(({ port }) => port));
      expect(labels[monitor?.spec.jobLabel ?? '']).toBe(name);
    }
  });

  it('get their Secrets from the documentation, with the keys that they read', () => {
    type Authentication = { spec: { secretTargetRef: { name: string; key: string }[] } };
    const [authentication] = ofKind<Authentication>(objects, 'TriggerAuthentication').values();
    const keys = authentication?.spec.secretTargetRef ?? [];
    expect(keys).toHaveLength(6);
    for (const { name, key } of keys) {
      expect(docs).toContain(`create secret generic ${name} `);
      expect(docs).toContain(`scaler/${key}`);
    }
    expect(docs).toContain('create secret generic alerts-metrics-key --from-file=key');
  });

  it('have the dashboard of observability/', () => {
    const dashboard = ofKind<ConfigMap>(objects, 'ConfigMap').get('alerts-dashboard');
    const source = readFileSync(join(FOLDER, '../../observability/grafana/dashboard.json'), 'utf8');
    expect(dashboard?.data).toEqual({ 'video-alerts.json': source });
    expect(dashboard?.metadata.labels).toMatchObject({ grafana_dashboard: '1' });
  });
});
