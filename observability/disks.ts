import { Gauge, type Registry } from '@prometheus-io/client';

/** A disk that may be full. */
export type Disk = {
  name: 'database' | 'media' | 'archive';
  /** Returns undefined, or what is full and what to do. Never rejects. */
  full(): Promise<string | undefined>;
  /** Returns undefined if it is not known. Never rejects. */
  space?(): Promise<Space | undefined>;
};

/** In bytes. */
type Space = { free: number; size: number };

/** Below this, hardly a picture and its folder fit. */
const MIN_FREE_BYTES = 1024 * 1024;

/** Returns the disk of a folder that `variable` names. A folder that cannot be read is not full. */
export function folderDisk(name: Disk['name'], variable: string, space: () => Promise<Space>): Disk {
  const known = () => space().catch(() => undefined);
  return {
    name,
    space: known,
    async full() {
      const free = (await known())?.free ?? Number.POSITIVE_INFINITY;
      return free < MIN_FREE_BYTES ? `the disk of the folder of ${variable} is full: free space` : undefined;
    },
  };
}

/** Returns the disk of the database. */
export function databaseDisk(db: { isDiskFull(): Promise<boolean> }): Disk {
  return {
    name: 'database',
    full: async () => ((await db.isDiskFull()) ? 'the disk of the database is full: free space' : undefined),
  };
}

/** Returns for each disk, as `<name>_disk`, undefined or what is full. */
export async function checkDisks(disks: Disk[]): Promise<Record<string, string | undefined>> {
  return Object.fromEntries(await Promise.all(disks.map(async (disk) => [`${disk.name}_disk`, await disk.full()])));
}

const SEEN = 'As this process sees it: use max() or min(), not sum().';

/** Registers gauges of these disks. */
export function registerDisks(registry: Registry, disks: Disk[]): void {
  const registers = [registry];
  const labelNames = ['disk'];
  new Gauge({
    name: 'disk_full',
    help: `1 while nothing can be written to this disk, otherwise 0. ${SEEN}`,
    labelNames,
    registers,
    async collect() {
      for (const disk of disks) this.set({ disk: disk.name }, (await disk.full()) === undefined ? 0 : 1);
    },
  });
  const ofFolders = [
    ['disk_free_bytes', 'free', 'Free'],
    ['disk_size_bytes', 'size', 'All'],
  ] as const;
  for (const [name, field, which] of ofFolders) {
    new Gauge({
      name,
      help: `${which} bytes of the file system of a folder. ${SEEN}`,
      labelNames,
      registers,
      async collect() {
        this.reset();
        for (const disk of disks) {
          const space = await disk.space?.();
          if (space) this.set({ disk: disk.name }, space[field]);
        }
      },
    });
  }
}
