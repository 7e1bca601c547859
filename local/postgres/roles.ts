import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

const ROLES = new URL('../../prisma/roles.sql', import.meta.url);

export type RoleUrls = {
  /** For migrations. */
  owner: string;
  /** For api and worker: reads and writes rows, and nothing else. */
  app: string;
  /** The path of a file that holds `app` until `close`, so that no password appears on a terminal. */
  appFile: string;
  close(): Promise<void>;
};

/**
 * Creates the two roles of prisma/roles.sql in a database of the embedded PostgreSQL, with new passwords, and hands tables
 * of earlier versions over to the owner. `adminUrl`: its superuser's URL.
 */
export async function openRoles(adminUrl: string, dataDir: string): Promise<RoleUrls> {
  const passwords = { alerts_owner: newPassword(), alerts_app: newPassword() };
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(await readFile(ROLES, 'utf8'));
    for (const [role, password] of Object.entries(passwords)) {
      await client.query(`ALTER ROLE ${role} PASSWORD '${password}'`);
    }
  } finally {
    await client.end();
  }
  const urlOf = (role: keyof typeof passwords) => {
    const url = new URL(adminUrl);
    url.username = role;
    url.password = passwords[role];
    return url.href;
  };
  const appFile = join(dataDir, 'database-url');
  await rm(appFile, { force: true }); // an existing file would keep its mode
  await writeFile(appFile, urlOf('alerts_app'), { mode: 0o600 });
  return {
    owner: urlOf('alerts_owner'),
    app: urlOf('alerts_app'),
    appFile,
    close: () => rm(appFile, { force: true }),
  };
}

/** Letters, digits, - and _ only: safe in a URL and in SQL. */
function newPassword(): string {
  return randomBytes(24).toString('base64url');
}
