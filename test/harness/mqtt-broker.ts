import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './ports.ts';
import { startProcess, waitUntilReady } from './process.ts';
import { findProgram, findTestProgram } from './system-packages.ts';

export type MqttBroker = AsyncDisposable & {
  /** mqtt://127.0.0.1:port: a user name and a password are required if they were given. */
  url: string;
  /** mqtts://localhost:port */
  tlsUrl: string;
  /** Lines such as "New client connected from 127.0.0.1:… as …". */
  lines: string[];
  kill(): Promise<unknown>;
};

/** Returns the path of mosquitto, or why the tests that need it are skipped. */
export function findMosquitto(): ReturnType<typeof findTestProgram> {
  return findTestProgram({ commands: ['mosquitto'], aptPackage: 'mosquitto' }, process.env);
}

/** Starts mosquitto on 127.0.0.1, which keeps nothing on disk. `tls`: PEM text with a key and a certificate. */
export async function startMqttBroker(options: {
  command: string;
  tls: { key: string; cert: string };
  user?: string;
  password?: string;
  ports?: [number, number];
}): Promise<MqttBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'mosquitto-test-'));
  const [port, tlsPort] = options.ports ?? (await freePorts(2));
  const file = (name: string) => join(folder, name);
  await writeFile(file('key.pem'), options.tls.key);
  await writeFile(file('cert.pem'), options.tls.cert);
  const users =
    options.user === undefined ? ['allow_anonymous true'] : ['allow_anonymous false', `password_file ${file('users')}`];
  if (options.user !== undefined) {
    const tool = await findProgram(['mosquitto_passwd'], process.env.PATH ?? '');
    await promisify(execFile)(tool ?? 'mosquitto_passwd', [
      '-b',
      '-c',
      file('users'),
      options.user,
      options.password ?? '',
    ]);
  }
  const settings = [
    `listener ${port} 127.0.0.1`,
    `listener ${tlsPort} 127.0.0.1`,
    `certfile ${file('cert.pem')}`,
    `keyfile ${file('key.pem')}`,
    ...users,
    'persistence false',
    'log_dest stderr',
    'log_type all',
    // As root it would become the user mosquitto, who may not read the files.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ];
  await writeFile(file('mosquitto.conf'), `${settings.join('\n')}\n`);
  const broker = startProcess({
    name: 'mosquitto',
    file: options.command,
    args: ['-c', file('mosquitto.conf')],
    readyLine: /mosquitto version .* running/,
  });
  await waitUntilReady(broker);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    tlsUrl: `mqtts://localhost:${tlsPort}`,
    lines: broker.lines,
    kill: () => broker.kill(),
    async [Symbol.asyncDispose]() {
      await broker.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
