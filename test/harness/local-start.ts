import { freePorts } from './ports.ts';
import { type Process, startProcess } from './process.ts';

/** A running `npm start`. */
export type LocalStart = Process & { api: string; videos: string };

export type LocalStartOptions = { dataDir: string; env?: Record<string, string> };

/** Runs `npm start` on free ports, without waiting for it: `waitUntilReady` of process.ts does that. */
export async function startLocally({ dataDir, env = {} }: LocalStartOptions): Promise<LocalStart> {
  const [port, videoPort] = await freePorts(2);
  const started = startProcess({
    name: 'npm start',
    entry: 'local/start.ts',
    env: { PATH: process.env.PATH ?? '', PORT: `${port}`, VIDEO_PORT: `${videoPort}`, DATA_DIR: dataDir, ...env },
    // The last line of the start.
    readyLine: /^ {2}curl -i /,
  });
  return Object.assign(started, { api: `http://127.0.0.1:${port}`, videos: `http://127.0.0.1:${videoPort}` });
}
