/** Files that may read the environment: what a person or a container starts. */
const ENTRIES = [
  'api/index.ts',
  'api/audit/audit-cli.ts',
  'api/auth/keys-cli.ts',
  'api/media/copies-cli.ts',
  'archive/cli.ts',
  'backup/backup-cli.ts',
  'backup/restore-cli.ts',
  'bench/baseline.ts',
  'bench/capacity/index.ts',
  'bench/index.ts',
  'chaos/index.ts',
  'local/backup.ts',
  'local/file-server.ts',
  'local/restore-drill.ts',
  'local/restore.ts',
  'local/start-all.ts',
  'local/start.ts',
  'prisma/migrate.ts',
  'redis/migrate.ts',
  'sdk/src/cli/index.ts',
  'worker/index.ts',
];

const FOLDERS = [
  ...[
    'api',
    'async',
    'bench',
    'chaos',
    'config',
    'deploy',
    'destinations',
    'sources',
    'media',
    'archive',
    'backup',
    'docs',
    'local',
    'nginx',
    'observability',
    'postgres',
  ],
  ...['prisma', 'redis', 'sdk', 'test', 'worker'],
];
/** Names that do not say what is in a file. */
const EMPTY_NAMES = ['utils', 'helpers', 'common', 'shared', 'lib', 'misc'];
const MAX_LINES = 250;

const REEXPORT = /^\s*export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+['"][^'"]+['"];?/gm;
/** Whole lines only: a glob in a string looks like the start of a comment. */
const COMMENT = /^\s*(?:\/\/|\/?\*).*$/gm;
const ENVIRONMENT = /\bprocess\.env\b|['"]node:process['"]/;

/** Returns the style rules that a source file breaks, as sentences without a subject. */
export function styleErrors(path: string, text: string): string[] {
  const code = text.replace(COMMENT, '');
  const segments = path.replace(/\.\w+$/, '').split('/');
  const isTest = segments.includes('test') || path.endsWith('.config.ts');
  const errors: string[] = [];
  if (segments.length > 1 && !FOLDERS.includes(segments[0] ?? '') && !path.startsWith('.')) {
    errors.push('is in a folder that the layout does not have');
  }
  if (segments.some((segment) => EMPTY_NAMES.includes(segment))) errors.push('has a name that says nothing');
  if (ENVIRONMENT.test(code) && !isTest && !ENTRIES.includes(path)) {
    errors.push('reads the environment and is not an entry file');
  }
  if (code.trim() !== '' && code.replace(REEXPORT, '').trim() === '') errors.push('only re-exports');
  if (text.split('\n').length > MAX_LINES + 1 && !/^\s*\/[/*]/.test(text)) {
    errors.push(`has more than ${MAX_LINES} lines and gives no reason in its first line`);
  }
  return errors;
}
