import type { KubernetesObject } from './objects.ts';

/** npm packages with the published schemas of the custom kinds. */
const CUSTOM: Record<string, string> = {
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

type Model = { prototype: { validate(): void } };

/**
 * Returns the errors of an object by the published schema of its kind, and the fields that the schema does not have: the API
 * server drops those, or rejects the object.
 */
export async function schemaErrors(object: KubernetesObject): Promise<string[]> {
  const [group = ''] = object.apiVersion.split('/');
  const path = `${CUSTOM[group] ?? 'kubernetes-models'}/${object.apiVersion}/${object.kind}`;
  const module = (await import(path)) as Record<string, Model>; // a file with one class
  const model = module[object.kind];
  if (!model) return [`${path} has no ${object.kind}`];
  const nodes: Watched[] = [];
  try {
    model.prototype.validate.call(watch(object, '', nodes));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  return nodes.flatMap(unreadFields);
}

type Watched = { path: string; value: object; read: Set<string> };

/** Returns the same value; `nodes` receives each object in it, with the names of the fields that were read. */
function watch(value: unknown, path: string, nodes: Watched[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const node: Watched = { path, value, read: new Set() };
  nodes.push(node);
  const children = new Map<string, unknown>();
  return new Proxy(value, {
    get(target, key) {
      const field = Reflect.get(target, key);
      if (typeof key !== 'string') return field;
      node.read.add(key);
      if (!children.has(key)) children.set(key, watch(field, `${path}/${key}`, nodes));
      return children.get(key);
    },
  });
}

/** A validator reads every field that its schema has, and no other. */
function unreadFields({ path, value, read }: Watched): string[] {
  return Object.keys(value).flatMap((key) => (read.has(key) ? [] : [`${path}/${key} is unknown`]));
}
