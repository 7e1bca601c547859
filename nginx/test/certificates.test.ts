import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PublicEndpoint, startPublicEndpoint } from '#test/harness/nginx.ts';
import { type Process, startProcess } from '#test/harness/process.ts';

// Certbot's layout: live/<name>/*.pem are links to ../../archive/<name>/*N.pem, and only root can read the key. A renewal
// writes the files with the next number and changes the links.

const started = await startPublicEndpoint();
const COPY = join(import.meta.dirname, '../tls/copy-certificates.sh');

describe.skipIf('missing' in started)('a certificate of Certbot', () => {
  let nginx: PublicEndpoint;
  let copier: Process;
  let letsencrypt: string;
  let settings: Record<string, string>;
  const live = () => join(letsencrypt, 'live/alerts.example.org');

  const startCopier = (env: Record<string, string>, readyLine: RegExp) =>
    startProcess({ name: 'copy-certificates', file: '/bin/sh', args: [COPY], env: { ...settings, ...env }, readyLine });

  /** The health check of nginx/tls/compose.yml. */
  const isCurrent = () =>
    stat(join(nginx.folder, '.current')).then(
      () => true,
      () => false,
    );

  const issue = async (number: number, name: string) => {
    const archive = join(letsencrypt, 'archive/alerts.example.org');
    await mkdir(archive, { recursive: true, mode: 0o700 });
    await mkdir(live(), { recursive: true, mode: 0o700 });
    const files = ['-keyout', `privkey${number}.pem`, '-out', `fullchain${number}.pem`];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    await promisify(execFile)('openssl', ['req', '-x509', ...key, '-subj', `/CN=${name}`, '-days', '1', ...files], {
      cwd: archive,
    });
    for (const file of ['privkey', 'fullchain']) {
      await unlink(join(live(), `${file}.pem`)).catch(() => {}); // the first certificate has no link yet
      await symlink(`../../archive/alerts.example.org/${file}${number}.pem`, join(live(), `${file}.pem`));
    }
  };

  const servedName = () =>
    new Promise<unknown>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: nginx.ports.https, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.on('error', resolve);
    });

  beforeAll(async () => {
    if ('missing' in started) return;
    nginx = started;
    letsencrypt = await mkdtemp(join(tmpdir(), 'letsencrypt-'));
    await issue(1, 'first');
    const { uid, gid } = await stat(nginx.folder);
    const owner = process.getuid?.() === 0 ? '101:101' : `${uid}:${gid}`;
    settings = { PATH: process.env.PATH ?? '', SOURCE: live(), TARGET: nginx.folder, OWNER: owner, INTERVAL: '0.1' };
    copier = startCopier({}, /copied/);
    await copier.ready;
  });
  afterAll(async () => {
    await copier.stop();
    await nginx.close();
    await rm(letsencrypt, { recursive: true });
  });

  it('is copied for nginx’s user only', async () => {
    const key = await stat(join(nginx.folder, 'privkey.pem'));
    expect((key.mode & 0o777).toString(8)).toBe('600');
    if (process.getuid?.() === 0) expect([key.uid, key.gid]).toEqual([101, 101]);
    expect(await readFile(join(nginx.folder, 'fullchain.pem'), 'utf8')).toBe(
      await readFile(join(live(), 'fullchain.pem'), 'utf8'),
    );
  });

  it('is served, and so is each renewal, without a command', async () => {
    await expect.poll(servedName, { timeout: 150_000 }).toBe('first');
    await issue(2, 'second');
    await expect.poll(servedName, { timeout: 150_000 }).toBe('second');
    expect((await fetch(`http://127.0.0.1:${nginx.ports.api}/livez`)).status).toBe(200);
  });

  it('stays in use while a renewal is incomplete, which the health check reports', async () => {
    expect(await isCurrent()).toBe(true);
    await unlink(join(live(), 'privkey.pem'));
    await expect.poll(() => copier.lines.at(-1), { timeout: 150_000 }).toContain('has no readable');
    expect(await isCurrent()).toBe(false);
    expect(await servedName()).toBe('second');
    await issue(3, 'third');
    await expect.poll(servedName, { timeout: 150_000 }).toBe('third');
    await expect.poll(isCurrent, { timeout: 150_000 }).toBe(true);
  });

  it('is not current after a restart with a folder that has none, although nginx keeps the last copy', async () => {
    await copier.stop();
    copier = startCopier({ SOURCE: join(letsencrypt, 'renewal') }, /has no readable/);
    await copier.ready;
    expect(await isCurrent()).toBe(false);
    expect(await servedName()).toBe('third');
  });
});
