import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attack } from '../attack.ts';

const LOCK_FILE = join(import.meta.dirname, '../../../package-lock.json');

export const attack: Attack = {
  item: 14,
  name: 'a package whose content changes under its version',
  limit: 'a SHA-512 of every package in package-lock.json',
  async run({ name }) {
    if (name !== 'npm start') return undefined; // the images of compose are built from the same file
    const { packages }: { packages: Record<string, { integrity?: string }> } = JSON.parse(
      await readFile(LOCK_FILE, 'utf8'),
    );
    const installed = Object.entries(packages).filter(([path]) => path !== '');
    const without = installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'));
    return {
      defended: installed.length > 0 && without.length === 0,
      observed: `${installed.length - without.length} of ${installed.length} packages have one`,
    };
  },
};
