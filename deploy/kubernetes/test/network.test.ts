import { describe, expect, it } from 'vitest';
import { isAllowed, type Peer, type Port } from './network.ts';
import { ofKind, workloadsOf } from './objects.ts';
import { buildOverlay, found, OVERLAYS } from './overlays.ts';

const tcp = (port: number, name?: string): Port => ({ protocol: 'TCP', port, ...(name !== undefined && { name }) });
const component = (name: string) => ({ pod: { 'app.kubernetes.io/component': name } });
const outside = (address: string) => ({ address });
const METADATA_SERVICE = outside('169.254.169.254');
const DNS = { namespace: { 'kubernetes.io/metadata.name': 'kube-system' } };
const ingress = { namespace: { 'video-alerts/ingress': 'true' } };
const metrics = { namespace: { 'video-alerts/metrics': 'true' } };
const elsewhere = { namespace: { 'kubernetes.io/metadata.name': 'default' } };

/** Who must reach a port of which component. */
const CLIENTS: Record<string, Peer[]> = {
  api: [ingress, metrics],
  worker: [metrics],
  postgres: ['api', 'worker', 'migrate'].map(component),
  redis: ['api', 'worker', 'migrate'].map(component),
};

describe.skipIf('missing' in found).each(OVERLAYS)('the network policies of %s', async (overlay) => {
  const objects = await buildOverlay(overlay);
  const policies = [...ofKind(objects, 'NetworkPolicy').values()];
  const workloads = workloadsOf(objects);
  const allowed = (from: Peer, to: Peer, port: Port) => isAllowed(policies, from, to, port);
  const ports = workloads.flatMap(({ name, labels, containers }) =>
    containers.flatMap((container) =>
      (container.ports ?? []).map((port) => ({ name, to: { pod: labels }, port: tcp(port.containerPort, port.name) })),
    ),
  );

  it('deny by default, in both directions', () => {
    expect(ofKind(objects, 'NetworkPolicy').get('default-deny')?.spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
    const other = component('other');
    expect(allowed(other, outside('93.184.216.34'), tcp(443))).toBe(false);
    for (const { to, port } of ports)
      for (const from of [other, elsewhere]) expect(allowed(from, to, port)).toBe(false);
  });

  it.each(ports)('let the clients of $name reach its port $port.port, and nobody else', ({ name, to, port }) => {
    const clients = CLIENTS[name] ?? [];
    expect(clients.length).toBeGreaterThan(0);
    for (const client of clients) expect(allowed(client, to, port), JSON.stringify(client)).toBe(true);
    const others = [...workloads.map(({ labels }) => ({ pod: labels })), ingress, metrics, outside('10.0.0.1')].filter(
      (peer) => !clients.some((client) => JSON.stringify(client) === JSON.stringify(peerOf(peer))),
    );
    for (const peer of others) expect(allowed(peer, to, port), JSON.stringify(peer)).toBe(false);
  });

  it.each(workloads)('let $name resolve names', ({ labels }) => {
    for (const protocol of ['UDP', 'TCP'] as const) {
      expect(allowed({ pod: labels }, DNS, { protocol, port: 53 })).toBe(true);
    }
  });

  it('let workers reach video servers and destinations, but no credentials of the node', () => {
    const worker = component('worker');
    for (const port of [80, 443, 587, 1883, 8080, 8883]) {
      expect(allowed(worker, outside('10.1.2.3'), tcp(port))).toBe(true);
      expect(allowed(worker, outside('2001:db8::1'), tcp(port))).toBe(true);
    }
    for (const name of ['api', 'worker', 'migrate'])
      expect(allowed(component(name), METADATA_SERVICE, tcp(80))).toBe(false);
    expect(allowed(worker, outside('fd00:ec2::254'), tcp(80))).toBe(false);
  });

  if (overlay === 'production')
    it('let api, worker and migrations reach PostgreSQL and Redis outside of the cluster', () => {
      for (const name of ['api', 'worker', 'migrate']) {
        for (const port of [5432, 6432, 6379, 26379])
          expect(allowed(component(name), outside('10.9.8.7'), tcp(port))).toBe(true);
      }
      expect(allowed(component('api'), outside('52.0.0.1'), tcp(443))).toBe(true);
      expect(allowed(component('migrate'), outside('52.0.0.1'), tcp(443))).toBe(false);
    });

  if (overlay === 'single')
    it('let PostgreSQL and Redis connect to nothing', () => {
      for (const name of ['postgres', 'redis']) {
        for (const to of [outside('52.0.0.1'), component('api')])
          expect(allowed(component(name), to, tcp(443))).toBe(false);
      }
    });
});

/** The same peer as in CLIENTS: pods have further labels. */
function peerOf(peer: Peer): Peer {
  return 'pod' in peer ? component(peer.pod['app.kubernetes.io/component'] ?? '') : peer;
}
