import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

export type SelfTime = { name: string; ms: number; share: number };

const NOT_WORK = new Set(['(idle)', '(program)', '(root)']);

/** Returns up to `limit` functions of a V8 profile with their self time, largest first. Idle time is excluded. */
export function selfTimes(profile: unknown, limit: number): SelfTime[] {
  const { nodes, samples, timeDeltas } = profileSchema.parse(profile);
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const msByName = new Map<string, number>();
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '?';
    if (!NOT_WORK.has(name)) msByName.set(name, (msByName.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  });
  const total = [...msByName.values()].reduce((sum, ms) => sum + ms, 0);
  const sorted = [...msByName].map(([name, ms]) => ({ name, ms, share: ms / total })).sort((a, b) => b.ms - a.ms);
  return sorted.slice(0, limit);
}

function nameOf({ functionName, url, lineNumber }: { functionName: string; url: string; lineNumber: number }): string {
  const file = url.replace(/^file:\/\//, '').replace(/^.*\/(?=node_modules\/|(?:api|worker|prisma|redis)\/)/, '');
  return file === '' ? functionName : `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}

const TABLE_ROWS = 30;

/** Returns a table of self times for the newest profile of the main thread of each service in `folder/api` and `folder/worker`. */
export async function renderProfiles(folder: string): Promise<string> {
  const tables: string[] = [];
  for (const service of ['api', 'worker']) {
    // CPU.<date>.<time>.<process>.<thread>.<number>.cpuprofile: thread 0 is the main thread.
    const files = (await readdir(join(folder, service))).filter((file) => /\.0\.\d+\.cpuprofile$/.test(file)).sort();
    const newest = files.at(-1);
    if (newest === undefined) continue;
    const path = join(folder, service, newest);
    const lines = selfTimes(JSON.parse(await readFile(path, 'utf8')), TABLE_ROWS).map(
      ({ name, ms, share }) => `${ms.toFixed(0).padStart(8)} ms ${(share * 100).toFixed(1).padStart(5)} %  ${name}`,
    );
    tables.push([`${service}: self time without idle time (${path})`, ...lines].join('\n'));
  }
  return tables.join('\n\n');
}
