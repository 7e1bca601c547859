import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { databaseUrlField } from '#config/database-url.ts';
import { startPostgresCluster } from '#test/harness/postgres-cluster.ts';
import { findTestProgram } from '#test/harness/system-packages.ts';
import { connectionTo } from '../connection.ts';

/** Makes a certificate for the name localhost only, which is its own authority, and returns the paths. */
async function makeCertificate(openssl: string) {
  const folder = await mkdtemp(join(tmpdir(), 'postgres-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '1'];
  await promisify(execFile)(openssl, ['req', '-x509', ...key, ...subject, '-out', 'cert.pem'], { cwd: folder });
  return { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
}

const openssl = await findTestProgram({ commands: ['openssl'], aptPackage: 'openssl' }, process.env);
const skip = 'missing' in openssl;

it.skipIf(skip)('the certificate must be for the name of the server in use', async () => {
  if ('missing' in openssl) return;
  const { primary, standby, close } = await startPostgresCluster({ synchronous: false });
  onTestFinished(() => close());
  const { cert, key } = await makeCertificate(openssl.path);
  for (const node of [primary, standby]) {
    await node.set('ssl_cert_file', cert);
    await node.set('ssl_key_file', key);
    await node.set('ssl', 'on');
  }
  const hosts = `127.0.0.1:${primary.port},localhost:${standby.port}`;
  const url = databaseUrlField.parse(`postgres://postgres@${hosts}/alerts?sslmode=verify-full&sslrootcert=${cert}`);
  const connect = async () => {
    const client = new pg.Client({ ...connectionTo(url), connectionTimeoutMillis: 30_000 });
    client.on('error', () => {});
    await client.connect();
    const { rows } = await client.query(
      'SELECT ssl, inet_server_port() AS port FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    await client.end();
    return rows[0];
  };
  // The primary's address is not in the certificate, and the other server is a standby.
  await expect(connect()).rejects.toThrow(/does not match certificate's altnames.*a standby, or read-only/);
  await primary.kill();
  await standby.query('SELECT pg_promote(true, 60)');
  expect(await connect()).toEqual({ ssl: true, port: standby.port });
});
