import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PublicEndpoint, startPublicEndpoint } from '#test/harness/nginx.ts';
import { freePort } from '#test/harness/ports.ts';
import { type Process, startProcess } from '#test/harness/process.ts';
import { runCommand } from '#test/harness/run-command.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { waitFor } from '#test/harness/wait.ts';

// The servers that docs/deployment.md shows for an nginx in front of the stack, with keys, and for its videos. Only ports,
// folders and the operators' network are changed.

const nginx = await findTestProgram({ commands: ['nginx'], aptPackage: 'nginx-light' }, process.env);
const openssl = await findTestProgram({ commands: ['openssl'], aptPackage: 'openssl' }, process.env);

/** Not localhost, which is the host of the videos here. */
const HOST = 'alerts.example.org';
const VIDEO_HOST = 'videos.example.org';

describe.skipIf('missing' in nginx || 'missing' in openssl)('the documented nginx in front of the stack', () => {
  let folder: string;
  let port: number;
  let stack: Stack;
  let videoServer: PublicEndpoint;
  let proxy: Process;
  let ca: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'documented-proxy-'));
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'privkey.pem'];
    const names = `subjectAltName=DNS:${HOST},DNS:${VIDEO_HOST}`;
    const subject = ['-subj', `/CN=${HOST}`, '-addext', names, '-days', '1'];
    const path = 'path' in openssl ? openssl.path : '';
    await promisify(execFile)(path, ['req', '-x509', ...key, ...subject, '-out', 'fullchain.pem'], { cwd: folder });
    ca = await readFile(join(folder, 'fullchain.pem'), 'utf8');
    stack = await startStack({ workers: 0, videos: 'none', env: { AUTH: 'keys', TRUST_PROXY: '1' } });
    port = await freePort();
    const page = await readFile(join(import.meta.dirname, '../../docs/deployment.md'), 'utf8');
    const videos = await startPublicEndpoint();
    if ('missing' in videos) throw new Error(`missing: ${videos.missing}`);
    videoServer = videos;
    const blocks = [...page.matchAll(/```nginx\n([\s\S]+?)```/g)].map(([, block]) => block);
    expect(blocks).toHaveLength(2);
    const servers = blocks
      .join('')
      .replaceAll('listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`)
      .replaceAll(/\/etc\/letsencrypt\/live\/(alerts|videos)\.example\.org\//g, `${folder}/`)
      .replace('http://127.0.0.1:8000', stack.apiUrl)
      .replace('http://127.0.0.1:8080', `http://127.0.0.1:${videos.ports.videos}`)
      .replace('allow 10.0.0.0/8;', 'allow 127.0.0.1;');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const paths = temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join(' ');
    const main = `daemon off; pid ${folder}/nginx.pid; events {} http { access_log off; ${paths}\n${servers}}`;
    await writeFile(join(folder, 'nginx.conf'), main);
    const args = ['-e', 'stderr', '-c', join(folder, 'nginx.conf')];
    proxy = startProcess({ name: 'nginx', file: 'path' in nginx ? nginx.path : '', args });
    await waitFor(() => get('/livez').catch(() => undefined), { timeoutMs: 60_000, what: 'nginx' });
  });
  afterAll(async () => {
    await proxy?.stop();
    await videoServer?.close();
    await stack?.close();
    await rm(folder, { recursive: true });
  });

  const send = (path: string, headers: Record<string, string>, body?: string, localAddress = '127.0.0.1') =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const server = { host: '127.0.0.1', port, ca, servername: headers.host ?? HOST, localAddress };
      const method = body === undefined ? 'GET' : 'POST';
      const outgoing = request({ ...server, path, method, headers: { host: HOST, ...headers } });
      outgoing.on('response', resolve).on('error', reject).end(body);
    });
  const get = async (path: string, headers: Record<string, string> = {}, body?: string) => {
    const response = await send(path, headers, body);
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  };

  it('requires a key, and accepts one that npm run keys created', async () => {
    const args = ['create', '--name', 'me', '--scope', 'read'];
    const { out: key } = await runCommand('api/auth/keys-cli.ts', args, { DATABASE_URL: stack.databaseUrl });
    expect((await get('/alerts')).status).toBe(401);
    const authorized = await get('/alerts', { authorization: `Bearer ${key.trim()}` });
    expect([authorized.status, JSON.parse(authorized.body).data]).toEqual([200, []]);
    // Events are not buffered.
    const events = await send('/alerts/events', { authorization: `Bearer ${key.trim()}` });
    const first = await new Promise((resolve) => events.once('data', (data: Buffer) => resolve(`${data}`)));
    expect(first).toContain('retry:');
    events.destroy();
    // The api knows that the browser uses https, and at which host.
    const form = { 'content-type': 'application/x-www-form-urlencoded', origin: `https://${HOST}` };
    const login = await get('/login', form, `key=${encodeURIComponent(key.trim())}`);
    expect([login.status, login.headers.location]).toEqual([303, '/']);
    expect(login.headers['set-cookie']).toEqual([expect.stringMatching(/^__Host-.+; Secure/)]);
  });

  it('passes on the client’s address, which counts for the limits', async () => {
    const first = await get('/docs', { 'x-forwarded-for': '203.0.113.9' });
    const second = await get('/docs', { 'x-forwarded-for': '203.0.113.10' });
    const keyOf = ({ headers }: typeof first) => /pk=:(.+?):/.exec(`${headers['ratelimit-policy']}`)?.[1];
    expect(keyOf(first)).toBeDefined();
    expect(keyOf(second)).toBe(keyOf(first));
  });

  it('lets the page, and only the operators’ network, read videos', async () => {
    const headers = { host: VIDEO_HOST, origin: `https://${HOST}`, range: 'bytes=0-3' };
    const video = await get('/videos/test_1.avi', headers);
    expect([video.status, video.body]).toEqual([206, 'RIFF']);
    expect(video.headers['access-control-allow-origin']).toBe(`https://${HOST}`);
    const missing = await get('/videos/missing.mp4', headers);
    expect([missing.status, missing.headers['access-control-allow-origin']]).toEqual([404, `https://${HOST}`]);
    const elsewhere = await send('/videos/test_1.avi', headers, undefined, '127.0.0.2');
    expect(elsewhere.resume().statusCode).toBe(403);
  });
});
