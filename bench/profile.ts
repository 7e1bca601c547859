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

/** The functions in which a V8 profile spent most time itself, idle time apart. */
export function selfTimes(profile: unknown, most: number): SelfTime[] {
  const { nodes, samples, timeDeltas } = profileSchema.parse(profile);
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spent = new Map<string, number>();
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '?';
    if (!NOT_WORK.has(name)) spent.set(name, (spent.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  });
  const all = [...spent.values()].reduce((sum, ms) => sum + ms, 0);
  const sorted = [...spent].map(([name, ms]) => ({ name, ms, share: ms / all })).sort((a, b) => b.ms - a.ms);
  return sorted.slice(0, most);
}

function nameOf({ functionName, url, lineNumber }: { functionName: string; url: string; lineNumber: number }): string {
  const file = url.replace(/^file:\/\//, '').replace(/^.*\/(?=node_modules\/|(?:api|worker|prisma|redis)\/)/, '');
  return file === '' ? functionName : `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}

const SHOWN = 30;

/** A table of self times for each profile that lies in `folder/api` and `folder/ours`. */
export async function tableOfProfiles(folder: string): Promise<string> {
  const tables: string[] = [];
  for (const part of ['api', 'ours']) {
    const files = (await readdir(join(folder, part))).filter((file) => file.endsWith('.cpuprofile')).sort();
    const newest = files.at(-1);
    if (newest === undefined) continue;
    const times = selfTimes(JSON.parse(await readFile(join(folder, part, newest), 'utf8')), SHOWN);
    const lines = times.map(
      ({ name, ms, share }) => `${ms.toFixed(0).padStart(8)} ms ${(share * 100).toFixed(1).padStart(5)} %  ${name}`,
    );
    tables.push(
      [
        `${part === 'ours' ? 'worker' : part}: self time, idle time apart (${join(folder, part, newest)})`,
        ...lines,
      ].join('\n'),
    );
  }
  return tables.join('\n\n');
}
