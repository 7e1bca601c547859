import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Container, FOLDER, ofKind, workloadsOf } from './objects.ts';
import { buildOverlay, found, OVERLAYS } from './overlays.ts';

const ROOT = join(FOLDER, '../..');
const compose = parse(readFileSync(join(ROOT, 'compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, { image: string; mem_limit: string }>; // compose itself checks the file
};
/** How long api and worker may take to stop, in seconds. */
const [, closeMs = ''] =
  /const CLOSE_MS = ([\d_]+)/.exec(readFileSync(join(ROOT, 'observability/service.ts'), 'utf8')) ?? [];
const CLOSE_S = Number(closeMs.replaceAll('_', '')) / 1_000;

const UNITS: Record<string, number> = { '': 1, m: 0.001, k: 1024, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

/** Returns a quantity of Kubernetes or a size of compose as a number. */
function quantity(text = ''): number {
  const [, number, unit = ''] = /^(\d+)([A-Za-z]*)$/.exec(text.replace(/(?<=\d)m$/, 'm')) ?? [];
  const factor = UNITS[unit];
  if (number === undefined || factor === undefined) throw new Error(`${text} is not a quantity`);
  return Number(number) * factor;
}

const bytesOf = (size: string) => quantity(size.replace(/([mg])$/, (unit) => `${unit.toUpperCase()}i`));

describe.skipIf('missing' in found).each(OVERLAYS)('the pods of %s', async (overlay) => {
  const objects = await buildOverlay(overlay);
  const workloads = workloadsOf(objects);
  const services = workloads.filter(({ kind }) => kind !== 'Job');
  const containers = workloads.flatMap((workload) =>
    workload.containers.map((container) => ({ ...container, workload })),
  );

  it('are those of api, worker and migrations', () => {
    const names = ['api', 'migrate', 'worker', ...(overlay === 'single' ? ['postgres', 'redis'] : [])];
    expect(workloads.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  });

  it.each(workloads)('$name: satisfies the Pod Security Standard "restricted"', ({ pod }) => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
    for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod).not.toHaveProperty(field);
    for (const { name, ...source } of pod.volumes) {
      expect(['secret', 'projected', 'configMap', 'emptyDir', 'persistentVolumeClaim'], name).toContain(
        Object.keys(source)[0],
      );
    }
    for (const { ports = [] } of pod.containers) for (const port of ports) expect(port).not.toHaveProperty('hostPort');
  });

  it.each(containers)(
    '$workload.name/$name: has no privileges and writes only to its volumes',
    ({ securityContext }) => {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    },
  );

  it('are in a namespace that enforces that', () => {
    const { labels } = ofKind(objects, 'Namespace').get('video-alerts')?.metadata ?? {};
    expect(labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' });
  });

  it.each(workloads)('$name: gets no token of the API, and no variables named after Services', ({ pod }) => {
    expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
    const account = ofKind(objects, 'ServiceAccount').get(pod.serviceAccountName);
    expect(account).toMatchObject({ automountServiceAccountToken: false });
  });

  it.each(containers)(
    '$workload.name/$name: requests CPU and memory, and may use as much memory as in compose',
    (container) => {
      const { requests, limits } = container.resources;
      expect(Object.keys(requests).toSorted()).toEqual(['cpu', 'ephemeral-storage', 'memory']);
      for (const [name, limit] of Object.entries(limits)) {
        expect(quantity(requests[name]), name).toBeLessThanOrEqual(quantity(limit));
      }
      const limit = compose.services[container.name]?.mem_limit ?? '';
      expect(quantity(limits.memory)).toBe(bytesOf(limit));
      expect(quantity(limits['ephemeral-storage'])).toBeGreaterThan(0);
    },
  );

  it('limit the CPU of the worker, whose files are untrusted, as in compose', () => {
    const worker = workloads.find(({ name }) => name === 'worker');
    expect(worker?.pod.containers[0]?.resources.limits.cpu).toBe('1');
  });

  it.each(workloads)(
    '$name: has folders in memory and on disk that fit into its limits',
    ({ pod, containers: all }) => {
      const sizes = (medium: string | undefined) =>
        pod.volumes
          .flatMap(({ emptyDir }) => (emptyDir && emptyDir.medium === medium ? [quantity(emptyDir.sizeLimit)] : []))
          .reduce((sum, size) => sum + size, 0);
      const smallest = (name: string) => Math.min(...all.map(({ resources }) => quantity(resources.limits[name])));
      expect(sizes('Memory')).toBeLessThan(smallest('memory') / 4 + 1);
      expect(sizes(undefined)).toBeLessThan(smallest('ephemeral-storage'));
    },
  );

  it.each(services)('$name: has probes at ports that it has', ({ name, pod }) => {
    for (const container of pod.containers) {
      const { startupProbe, livenessProbe, readinessProbe, ports = [] } = container;
      const probes = [startupProbe, livenessProbe, readinessProbe];
      for (const probe of probes) expect(probe?.httpGet ?? probe?.exec, name).toBeDefined();
      const byHttp = probes.flatMap((probe) => probe?.httpGet ?? []);
      for (const { port } of byHttp) expect(ports.map((each) => each.name)).toContain(port);
      if (byHttp.length > 0) expect(byHttp.map(({ path }) => path)).toEqual(['/livez', '/livez', '/readyz']);
    }
  });

  it.each(services)('$name: is killed only after the time that it needs to stop', ({ pod }) => {
    const preStop = (container: Container) => container.lifecycle?.preStop.sleep.seconds ?? 0;
    const needed = Math.max(...pod.containers.map(preStop)) + CLOSE_S;
    expect(CLOSE_S).toBe(10);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed + 10);
  });

  it('redirect requests of the api before it stops', () => {
    const api = workloads.find(({ name }) => name === 'api');
    expect(api?.pod.containers[0]?.lifecycle).toEqual({ preStop: { sleep: { seconds: 5 } } });
  });

  it.each(services.filter(({ kind }) => kind === 'Deployment'))(
    '$name: is spread over zones and nodes',
    ({ labels, pod }) => {
      const constraints = pod.topologySpreadConstraints ?? [];
      expect(constraints.map(({ topologyKey }) => topologyKey)).toEqual([
        'topology.kubernetes.io/zone',
        'kubernetes.io/hostname',
      ]);
      for (const { labelSelector } of constraints) expect(labels).toMatchObject(labelSelector.matchLabels);
    },
  );

  it.each(services)('$name: runs the image of compose', ({ name, pod }) => {
    const [image] = pod.containers.map((container) => container.image);
    const own = /^(registry\.example\.org\/)?video-alerts:\d/;
    if (name === 'api' || name === 'worker') expect(image).toMatch(own);
    else expect(image).toBe(compose.services[name]?.image);
  });
});
