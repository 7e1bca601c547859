import axe from 'axe-core';
import { expect } from 'vitest';
import type { WatchedPage } from './browser.ts';

/** Returns what axe rates serious or critical, with the element. */
async function violationsOf(page: WatchedPage, options: axe.RunOptions): Promise<string[]> {
  const { violations }: axe.AxeResults = await page.evaluate(`axe.run(document, ${JSON.stringify(options)})`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

/** Expects that axe finds nothing serious on the page, in light and dark. */
export async function expectAccessible(page: WatchedPage): Promise<void> {
  // Through the debugger, because the page's Content-Security-Policy allows no other scripts.
  await page.evaluate(`${axe.source}; undefined`);
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await violationsOf(page, {}), 'light').toEqual([]);
  // All other rules give the same result in both color schemes.
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await violationsOf(page, { runOnly: ['color-contrast'] }), 'dark').toEqual([]);
}
