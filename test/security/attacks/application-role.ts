import type { Attack } from '../attack.ts';

const STATEMENTS = [
  `COPY (SELECT 1) TO PROGRAM 'cat'`,
  `COPY (SELECT 1) TO '/tmp/security'`,
  'SELECT rolpassword FROM pg_authid',
  `SELECT pg_read_file('/etc/passwd')`,
  'CREATE TABLE security_review (id int)',
  'CREATE ROLE security_review',
  'CREATE DATABASE security_review',
  'ALTER ROLE alerts_app SUPERUSER',
  'SET ROLE alerts_owner',
  'DROP TABLE alerts',
  'ALTER TABLE alerts ADD COLUMN security_review int',
];

export const attack: Attack = {
  item: 10,
  name: 'the database role of api and worker, and passwords in the output',
  limit: 'a role that reads and writes rows; URLs are in files',
  async run({ sql, output, databaseUrl }) {
    const allowed: string[] = [];
    for (const statement of STATEMENTS) {
      const denied = await sql(statement).then(
        () => false,
        (error: Error) => /permission denied|must be owner/i.test(error.message),
      );
      if (!denied) allowed.push(statement);
    }
    const { password } = new URL(await databaseUrl());
    if (password === '') throw new Error('the role has no password');
    const printed = await output();
    const leaked = printed.includes(password) || /\b(postgres(ql)?|redis):\/\/[^\s:/@]*:[^\s@]+@/.test(printed);
    const observed = [
      allowed.length === 0 ? `${STATEMENTS.length} statements denied` : `allowed: ${allowed.join('; ')}`,
      leaked ? 'a password is printed' : `no password in ${printed.split('\n').length} lines of output`,
    ];
    return { defended: allowed.length === 0 && !leaked, observed: observed.join('; ') };
  },
};
