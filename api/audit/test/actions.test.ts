import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { AUDIT_ACTIONS } from '#prisma/audit.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

it.each(AUDIT_ACTIONS)('%s is in the documentation and in the filter of the page', (action) => {
  // The table abbreviates `destination.created`, `.changed`.
  const [subject, verb] = action.split('.');
  const row = new RegExp(`^\\|.*\`${subject}\\.(?:${verb}\`|.*\`\\.${verb}\`)`, 'm');
  expect(read('docs/audit.md')).toMatch(row);
  expect(read('api/dashboard/browser/audit-page.js')).toContain(`['${action}', '`);
});
