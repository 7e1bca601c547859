import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import { importedFiles } from './import-graph.ts';

/** A service that is restarted when one of its sources changes. */
export type WatchedService = { name: string; entry: string };

export type WatchOptions = {
  root: string;
  services: WatchedService[];
  /** Called with the changed file and the services that use it. */
  onChange: (file: string, services: string[]) => void;
};

const SOURCE = /\.(ts|js|css|html|svg)$/;
const TEST = /(^|\/)test\//;
/** An editor's save causes several events. */
const SETTLE_MS = 100;

/** Watches every folder that a service imports from, so that no list of folders needs to be maintained. */
export async function watchSources({ root, services, onChange }: WatchOptions): Promise<{ close(): void }> {
  const timers = new Map<string, NodeJS.Timeout>();
  const watchers: FSWatcher[] = [];
  for (const folder of await watchedFolders(root, services)) {
    const watcher = watch(join(root, folder), { recursive: true }, (_event, name) => {
      if (!name || !SOURCE.test(name) || TEST.test(name)) return;
      const file = join(folder, name);
      clearTimeout(timers.get(folder));
      const report = async () => onChange(file, await affectedServices(root, services, file));
      timers.set(
        folder,
        setTimeout(() => void report(), SETTLE_MS),
      );
    });
    watchers.push(watcher);
  }
  return {
    close() {
      for (const timer of timers.values()) clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}

/** Returns the top-level folders of all files that the services import. */
export async function watchedFolders(root: string, services: WatchedService[]): Promise<string[]> {
  const graphs = await Promise.all(services.map(({ entry }) => importedFiles(root, entry)));
  return [...new Set(graphs.flatMap((files) => [...files].map(folderOf)))].sort();
}

/**
 * Returns the services to restart after a change of `file`: those that import it, and for a file that nothing imports (a
 * page, a style sheet, a new file) those whose entry is in the same folder.
 */
export async function affectedServices(root: string, services: WatchedService[], file: string): Promise<string[]> {
  const affected: string[] = [];
  for (const { name, entry } of services) {
    if (folderOf(entry) === folderOf(file) || (await importedFiles(root, entry)).has(file)) affected.push(name);
  }
  return affected;
}

const folderOf = (file: string) => file.split('/')[0] ?? '';
