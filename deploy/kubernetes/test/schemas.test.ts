import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { type KubernetesObject, ofKind } from './objects.ts';
import { buildOverlay, found, OVERLAYS } from './overlays.ts';
import { schemaErrors } from './schemas.ts';

const promtool = await findTestProgram({ commands: ['promtool'], aptPackage: 'prometheus' }, process.env);

describe.skipIf('missing' in found).each(OVERLAYS)('the objects of %s', async (overlay) => {
  const objects = await buildOverlay(overlay);

  it.each(objects.map((object) => ({ name: `${object.kind} ${object.metadata.name}`, object })))(
    '$name satisfies the published schema and has no other fields',
    async ({ object }) => {
      expect(await schemaErrors(object)).toEqual([]);
    },
  );

  it('are all in the namespace of the overlay, each once', () => {
    const namespaced = objects.filter(({ kind }) => kind !== 'Namespace');
    expect(namespaced.length).toBeGreaterThan(15);
    for (const { kind, metadata } of namespaced)
      expect(metadata.namespace, `${kind} ${metadata.name}`).toBe('video-alerts');
    expect(new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).size).toBe(objects.length);
  });

  it('contain no secret', () => {
    expect([...ofKind(objects, 'Secret')]).toEqual([]);
  });
});

describe.skipIf('missing' in found)('the check of schemas', async () => {
  const objects = await buildOverlay('production');
  const changed = (kind: string, name: string, change: (object: KubernetesObject) => void) => {
    const object = structuredClone(ofKind(objects, kind).get(name));
    if (!object) throw new Error(`no ${kind} ${name}`);
    change(object);
    return object;
  };

  it.each<[string, KubernetesObject]>([
    ['a misspelled field', changed('Deployment', 'api', ({ spec }) => Object.assign(spec as object, { replica: 2 }))],
    [
      'a number as a text',
      changed('Deployment', 'worker', ({ spec }) => Object.assign(spec as object, { replicas: '2' })),
    ],
    [
      'an unknown field of a custom kind',
      changed('ScaledObject', 'worker', (object) => Object.assign(object, { specs: {} })),
    ],
    [
      'a wrong type in a custom kind',
      changed('PodMonitor', 'api', ({ spec }) => Object.assign(spec as object, { jobLabel: 1 })),
    ],
  ])('finds %s', async (_what, object) => {
    expect(await schemaErrors(object)).not.toEqual([]);
  });
});

describe.skipIf('missing' in found || 'missing' in promtool)('the PrometheusRule', () => {
  it('contains rules that Prometheus understands', async () => {
    const rule = ofKind<{ spec: object }>(await buildOverlay('production'), 'PrometheusRule').get('alerts');
    const folder = await mkdtemp(join(tmpdir(), 'kubernetes-rules-'));
    try {
      await writeFile(join(folder, 'rules.yml'), stringify(rule?.spec));
      const program = 'path' in promtool ? promtool.path : '';
      const { stdout } = await promisify(execFile)(program, ['check', 'rules', join(folder, 'rules.yml')]);
      expect(stdout).toMatch(/\d\d rules found/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
