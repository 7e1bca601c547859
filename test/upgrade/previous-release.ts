import { readFile } from 'node:fs/promises';

/** The release that the current code has to run next to: its version, its commit and its last migration. */
export type PreviousRelease = { version: string; commit: string; migration: string };

/** Reads previous-release.json. Each release changes it; see docs/upgrade.md. */
export async function previousRelease(): Promise<PreviousRelease> {
  return JSON.parse(await readFile(new URL('./previous-release.json', import.meta.url), 'utf8'));
}
