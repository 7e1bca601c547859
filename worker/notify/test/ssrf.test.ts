import { beforeAll, describe, expect, it } from 'vitest';
import { networkNamespace, runInNamespace } from '#test/harness/network-namespace.ts';
import { SSRF_CASES } from './ssrf-cases.ts';
import type { SsrfResult } from './ssrf-fixture.ts';

const namespace = await networkNamespace();
if (!namespace) process.stderr.write('No network namespace can be made here. The SSRF cases are skipped.\n');

describe.skipIf(!namespace)('a destination does not connect to an address that is not public', () => {
  let results: SsrfResult[] = [];
  beforeAll(async () => {
    results = JSON.parse(await runInNamespace(namespace ?? [], 'worker/notify/test/ssrf-fixture.ts'));
  }, 300_000);

  it('has at least 80 different cases', () => {
    expect(new Set(SSRF_CASES.map(({ kind, target }) => `${kind} ${target}`)).size).toBe(SSRF_CASES.length);
    expect(SSRF_CASES.length).toBeGreaterThanOrEqual(80);
    expect(results).toHaveLength(SSRF_CASES.length);
  });

  it.each(SSRF_CASES.map((each, index) => ({ ...each, index })))('$kind: $target', ({ index, control }) => {
    const result = results[index] ?? expect.fail('it was not run');
    // The canary works, and the case is an attack: another client connects.
    expect(result.control).not.toEqual([]);
    expect(result.guarded).toEqual([]);
    if (control === 'allowed')
      expect(result.error).toMatch(/^the address \S+ is not public: allow it with DESTINATION_ALLOW_CIDRS$/);
    if (control === 'redirects') expect(result.error).toMatch(/; redirects are not followed$/);
    if (control === 'redirects') expect(result.redirected).toBe(true);
    if (control === 'plain') expect(result.error).toBe('the URL must not contain a user name or password');
  });
});
