import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

export const FOLDER = join(import.meta.dirname, '..');

export type Labels = Record<string, string>;
export type KubernetesObject = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Labels };
  [field: string]: unknown;
};

/** Returns the objects in a YAML text. */
export function parseObjects(text: string): KubernetesObject[] {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS() as KubernetesObject; // the tests of schemas check its form
  });
}

export type Probe = { httpGet?: { path: string; port: string }; exec?: { command: string[] }; periodSeconds?: number };
export type Container = {
  name: string;
  image: string;
  ports?: { name: string; containerPort: number }[];
  env?: { name: string; value: string }[];
  envFrom?: { configMapRef: { name: string } }[];
  resources: { requests: Labels; limits: Labels };
  securityContext: { allowPrivilegeEscalation: boolean; readOnlyRootFilesystem: boolean; capabilities: unknown };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
  volumeMounts: { name: string; mountPath: string }[];
};

type SecretVolume = { secretName: string; optional?: boolean; items?: { key: string }[] };
export type Volume = {
  name: string;
  secret?: SecretVolume;
  projected?: { sources: { secret: { name: string } }[] };
  configMap?: { name: string };
  persistentVolumeClaim?: { claimName: string };
  emptyDir?: { medium?: string; sizeLimit: string };
};

export type PodSpec = {
  serviceAccountName: string;
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext: Record<string, unknown>;
  topologySpreadConstraints?: { topologyKey: string; labelSelector: { matchLabels: Labels } }[];
  containers: Container[];
  initContainers?: Container[];
  volumes: Volume[];
};

export type Workload = {
  kind: string;
  name: string;
  replicas: number | undefined;
  labels: Labels;
  pod: PodSpec;
  containers: Container[];
  /** Claims of a StatefulSet, which are volumes of its pods. */
  claims: string[];
};

type WorkloadSpec = {
  replicas?: number;
  template: { metadata: { labels: Labels }; spec: PodSpec };
  volumeClaimTemplates?: { metadata: { name: string } }[];
};

/** Returns everything that has pods. */
export function workloadsOf(objects: KubernetesObject[]): Workload[] {
  return objects.filter(isWorkload).map(({ kind, metadata, spec }) => {
    const { replicas, template, volumeClaimTemplates = [] } = spec as WorkloadSpec; // the tests of schemas check its form
    const { containers, initContainers = [] } = template.spec;
    return {
      ...{ kind, name: metadata.name, replicas, labels: template.metadata.labels, pod: template.spec },
      containers: [...initContainers, ...containers],
      claims: volumeClaimTemplates.map((claim) => claim.metadata.name),
    };
  });
}

const isWorkload = ({ kind }: KubernetesObject) =>
  ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Pod'].includes(kind);

/** Returns the objects of one kind, by name. */
export function ofKind<Fields = unknown>(
  objects: KubernetesObject[],
  kind: string,
): Map<string, KubernetesObject & Fields> {
  const found = objects.filter((object) => object.kind === kind) as (KubernetesObject & Fields)[]; // as above
  return new Map(found.map((object) => [object.metadata.name, object]));
}
