import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startTestWorker } from './test-worker.ts';

// A disk of 256 KiB. Only root can mount it, and not in every container.
const disk = mkdtempSync(join(tmpdir(), 'small-disk-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]).status === 0;

afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmdirSync(disk);
});

describe.skipIf(!mounted)('a full disk', () => {
  it('uses up no attempt and leaves no file; the alert is processed once there is space', async () => {
    const worker = await startTestWorker({ folder: disk });
    const ballast = join(disk, 'ballast');
    try {
      writeFileSync(ballast, Buffer.alloc(256 * 1024));
    } catch {
      // Expected: it fills the disk.
    }
    const { uuid } = await worker.add('/right/mpeg2.avi');
    for (let delivery = 1; delivery <= 4; delivery += 1) {
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
