import { describe, expect, it } from 'vitest';
import { found, names, promtool } from './rules-fixture.ts';

describe.skipIf('missing' in found)('the alerting rules', () => {
  it('are what Prometheus understands, and so is its configuration', async () => {
    expect(await promtool('check', 'rules', 'rules.yml')).toContain(`${names.length} rules found`);
    await promtool('check', 'config', '--syntax-only', 'prometheus.yml');
  });
});
