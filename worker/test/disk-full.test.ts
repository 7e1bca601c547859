import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startTestWorker } from './test-worker.ts';

// A disk of 256 KiB; only root may mount one, and not in every container.
const disk = mkdtempSync(join(tmpdir(), 'small-disk-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]).status === 0;

afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmdirSync(disk);
});

describe.skipIf(!mounted)('a full disk', () => {
  it('uses up no attempt and leaves no file; with room again the alert is processed', async () => {
    const worker = await startTestWorker({ folder: disk });
    const ballast = join(disk, 'ballast');
    try {
      writeFileSync(ballast, Buffer.alloc(256 * 1024));
    } catch {
      // Written as far as it goes: that is what it is for.
    }
    const { uuid } = await worker.add('/right/mpeg2.avi');
    for (let time = 1; time <= 4; time += 1) {
      await expect(worker.handle(uuid)).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await worker.row(uuid)).toMatchObject({ status: 'pending', attempts: 0 });
    }
    rmSync(ballast);
    expect(await worker.handle(uuid)).toEqual({ kind: 'done' });
    expect(await worker.row(uuid)).toMatchObject({ status: 'processed', attempts: 1, container: 'avi' });
    await worker.close();
    expect(readdirSync(disk)).toEqual([]);
  });
});
