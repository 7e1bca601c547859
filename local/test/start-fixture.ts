import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type LocalStart, startLocally } from '#test/harness/local-start.ts';
import { waitUntilReady } from '#test/harness/process.ts';

/** A start takes 4 s on an idle machine; some tests start twice. */
export const LIMIT_MS = 180_000;
export const POLL = { timeout: 150_000, interval: 100 };

const RESOLUTIONS = { avi: '1280x720', mkv: '854x480', mov: '540x960', mp4: '1920x1080', webm: '640x360' };

type Listed = { uuid: string; status: string; container: string; resolution: string; failure: { code: string } | null };

/** Gives each test of the calling file a data folder, and stops what the test started on it. */
export function useLocalStart() {
  const started: LocalStart[] = [];
  const fixture = {
    dataDir: '',
    async start(env: Record<string, string> = {}): Promise<LocalStart> {
      const local = await startLocally({ dataDir: fixture.dataDir, env });
      started.push(local);
      return local;
    },
    async startReady(env: Record<string, string> = {}): Promise<LocalStart> {
      const local = await fixture.start(env);
      await waitUntilReady(local);
      return local;
    },
  };
  beforeEach(async () => {
    fixture.dataDir = await mkdtemp(join(tmpdir(), 'npm-start-'));
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((local) => local.stop()));
    await rm(fixture.dataDir, { recursive: true, force: true });
  });
  return fixture;
}

/** Sends Ctrl-C's signal and returns the exit code. */
export function interrupt(local: LocalStart): Promise<string> {
  local.child.kill('SIGINT');
  return local.ended;
}

export async function list(local: LocalStart): Promise<Listed[]> {
  const response = await fetch(`${local.api}/alerts?limit=200`);
  const page = (await response.json()) as { data: Listed[] }; // openapi's AlertPage
  return page.data;
}

/** Expects the notifications of the samples in the output, and their results in the api. */
export async function expectSamples(local: LocalStart): Promise<void> {
  const notificationsOf = () => local.lines.filter((line) => line.startsWith('[Notification] '));
  await expect.poll(notificationsOf, POLL).toHaveLength(6); // an alert is final before it is notified
  const notifications = notificationsOf();
  expect(notifications.filter((line) => / \| Resolution: \d+x\d+$/.test(line))).toHaveLength(5);
  expect(notifications.filter((line) => / \| Failed: video_unreadable \(.+\)$/.test(line))).toHaveLength(1);
  const alerts = await list(local);
  const processed = alerts.filter(({ status }) => status === 'processed');
  expect(Object.fromEntries(processed.map((a) => [a.container, a.resolution]))).toEqual(RESOLUTIONS);
  expect(alerts.filter(({ status }) => status === 'failed').map((a) => a.failure?.code)).toEqual(['video_unreadable']);
}

/** Returns the command lines of the processes that have the data folder in their command line or environment. */
export async function remainingProcesses(dataDir: string): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const command = await read('cmdline');
    if (command.includes(dataDir) || (await read('environ')).includes(`DATA_DIR=${dataDir}`)) found.push(command);
  }
  return found;
}
