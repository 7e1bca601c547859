// Network policies as Kubernetes evaluates them: https://kubernetes.io/docs/concepts/services-networking/network-policies/
import { BlockList, isIPv4 } from 'node:net';
import type { KubernetesObject, Labels } from './objects.ts';

/** One side of a connection: a pod of the namespace, a pod of another namespace, or an address outside of the cluster. */
export type Peer = { pod: Labels } | { namespace: Labels } | { address: string };
export type Port = { protocol: 'TCP' | 'UDP'; port: number; name?: string };

type Expression = { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] };
type Selector = { matchLabels?: Labels; matchExpressions?: Expression[] };
type PolicyPeer = {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string; except?: string[] };
};
type PolicyPort = { protocol?: string; port?: number | string; endPort?: number };
type Policy = {
  podSelector: Selector;
  policyTypes: ('Ingress' | 'Egress')[];
  ingress?: { from?: PolicyPeer[]; ports?: PolicyPort[] }[];
  egress?: { to?: PolicyPeer[]; ports?: PolicyPort[] }[];
};

/** Returns whether the policies let `from` connect to this port of `to`. */
export function isAllowed(policies: KubernetesObject[], from: Peer, to: Peer, port: Port): boolean {
  const specs = policies.map(({ spec }) => spec as Policy); // the tests of schemas check its form
  return mayLeave(specs, from, to, port) && mayEnter(specs, from, to, port);
}

function mayLeave(policies: Policy[], from: Peer, to: Peer, port: Port): boolean {
  if (!('pod' in from)) return true;
  const selecting = policies.filter(
    (each) => each.policyTypes.includes('Egress') && matches(each.podSelector, from.pod),
  );
  const rules = selecting.flatMap(({ egress = [] }) => egress);
  return selecting.length === 0 || rules.some((rule) => hasPeer(rule.to, to) && hasPort(rule.ports, port));
}

function mayEnter(policies: Policy[], from: Peer, to: Peer, port: Port): boolean {
  if (!('pod' in to)) return true;
  const selecting = policies.filter(
    (each) => each.policyTypes.includes('Ingress') && matches(each.podSelector, to.pod),
  );
  const rules = selecting.flatMap(({ ingress = [] }) => ingress);
  return selecting.length === 0 || rules.some((rule) => hasPeer(rule.from, from) && hasPort(rule.ports, port));
}

function hasPeer(allowed: PolicyPeer[] | undefined, peer: Peer): boolean {
  if (allowed === undefined || allowed.length === 0) return true;
  return allowed.some(({ podSelector, namespaceSelector, ipBlock }) => {
    if ('address' in peer) return ipBlock !== undefined && isInBlock(ipBlock, peer.address);
    if ('namespace' in peer)
      return namespaceSelector !== undefined && !podSelector && matches(namespaceSelector, peer.namespace);
    return podSelector !== undefined && !namespaceSelector && matches(podSelector, peer.pod);
  });
}

function hasPort(allowed: PolicyPort[] | undefined, { protocol, port, name }: Port): boolean {
  if (allowed === undefined || allowed.length === 0) return true;
  return allowed.some((each) => {
    if ((each.protocol ?? 'TCP') !== protocol) return false;
    if (each.port === undefined || each.port === name) return true;
    return typeof each.port === 'number' && port >= each.port && port <= (each.endPort ?? each.port);
  });
}

function isInBlock({ cidr, except = [] }: { cidr: string; except?: string[] }, address: string): boolean {
  const contains = (block: string) => {
    const [net = '', prefix] = block.split('/');
    if (isIPv4(net) !== isIPv4(address)) return false;
    const family = isIPv4(net) ? 'ipv4' : 'ipv6';
    const list = new BlockList();
    list.addSubnet(net, Number(prefix), family);
    return list.check(address, family);
  };
  return contains(cidr) && !except.some(contains);
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return equal && matchExpressions.every((expression) => satisfies(expression, labels));
}

function satisfies({ key, operator, values = [] }: Expression, labels: Labels): boolean {
  const value = labels[key];
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  return (value !== undefined && values.includes(value)) === (operator === 'In');
}
