/** A migration's folder name and its SQL. */
export type Migration = { name: string; sql: string };

type Rule = {
  pattern: RegExp;
  reason: string;
  /** `existing`: applies only to tables of the previous release; the first group of `pattern` is the table. */
  of: 'everything' | 'existing';
  /** true: a contract step may do it. */
  contract: boolean;
};

const CONTRACT = /^\d+_contract_\d+_\d+_\d+_/;
/** An identifier with or without quotes. */
const NAME = '"?(\\w+)"?';
const TYPES = 'TABLE|TYPE|VIEW|SEQUENCE|FUNCTION';

const alterTable = (action: string) => new RegExp(`^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?${NAME} ${action}`, 'i');
const contract = (pattern: RegExp, reason: string, of: Rule['of'] = 'existing'): Rule => {
  return { pattern, reason, of, contract: true };
};
const never = (pattern: RegExp, reason: string, of: Rule['of'] = 'existing'): Rule => {
  return { pattern, reason, of, contract: false };
};

/** What a statement must not do while the previous release runs on the same database. */
const RULES: Rule[] = [
  contract(/^DROP /i, 'removes what the previous release may use', 'everything'),
  contract(
    new RegExp(`^ALTER (?:${TYPES}) .*\\bRENAME\\b`, 'i'),
    'renames what the previous release uses',
    'everything',
  ),
  contract(/^ALTER TYPE .*\bADD VALUE\b/i, 'adds a value that the previous release cannot read', 'everything'),
  contract(alterTable('DROP (?!CONSTRAINT)'), 'removes what the previous release may use'),
  contract(alterTable('DROP CONSTRAINT'), 'removes what the previous release may rely on'),
  contract(
    alterTable('ALTER (?:COLUMN )?"?\\w+"? (?:SET DATA )?TYPE\\b'),
    'changes a type and rewrites the locked table',
  ),
  contract(
    alterTable('ALTER (?:COLUMN )?"?\\w+"? (?:SET NOT NULL|DROP NOT NULL|DROP DEFAULT)'),
    'changes what a column may contain',
  ),
  contract(
    alterTable('ADD (?:CONSTRAINT|CHECK|FOREIGN KEY|UNIQUE|PRIMARY KEY|EXCLUDE)\\b'),
    'adds a constraint that writes of the previous release may violate',
  ),
  contract(
    new RegExp(`^CREATE UNIQUE INDEX .*\\bON ${NAME}`, 'i'),
    'adds a constraint that writes of the previous release may violate',
  ),
  contract(
    new RegExp(`^CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER .*\\bON ${NAME}`, 'i'),
    'adds a trigger that writes of the previous release run',
  ),
  never(
    alterTable('ADD (?:COLUMN )?(?:IF NOT EXISTS )?(?!.*\\bDEFAULT\\b).*\\bNOT NULL\\b'),
    'adds a column that the previous release does not fill: give it a default',
  ),
  never(
    alterTable('ADD (?:COLUMN )?.*\\bDEFAULT \\(?(?!now\\()[\\w.]+\\('),
    'computes a default for each row and rewrites the locked table',
  ),
  never(
    new RegExp(`^CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*\\bON ${NAME}`, 'i'),
    'blocks writes: use CREATE INDEX CONCURRENTLY in a file that begins with `-- no transaction`',
  ),
  never(
    new RegExp(`^(?:UPDATE|DELETE FROM|TRUNCATE(?: TABLE)?) (?:ONLY )?${NAME}`, 'i'),
    'locks rows for a long time: let the program do it in batches',
  ),
  never(/^(?:DO|LOCK|CLUSTER|VACUUM|REINDEX)\b/i, 'locks a table, or cannot be checked', 'everything'),
];

/**
 * Returns what is wrong with the migrations after `baseline`, the last one of the previous release, as
 * `<name>: <statement>: <reason>`. Only a contract step, `<time>_contract_<version>_<name>`, may remove something.
 */
export function migrationErrors(migrations: Migration[], baseline: string): string[] {
  const before = migrations.filter(({ name }) => name <= baseline);
  const existing = new Set(before.flatMap(({ sql }) => createdTables(sql)));
  return migrations.filter(({ name }) => name > baseline).flatMap((migration) => errorsOf(migration, existing));
}

function errorsOf({ name, sql }: Migration, existing: Set<string>): string[] {
  const statements = statementsOf(sql);
  const broken = (statement: string) =>
    RULES.filter((rule) => applies(rule, statement, existing) && !(rule.contract && CONTRACT.test(name)));
  const errors = statements.flatMap((statement) =>
    broken(statement).map(({ reason }) => `${name}: ${statement.slice(0, 80)}: ${reason}`),
  );
  const concurrent = statements.some((statement) => /\bCONCURRENTLY\b/i.test(statement));
  const noTransaction = /^-- no transaction *\r?\n/.test(sql);
  if (concurrent !== noTransaction || (noTransaction && statements.length !== 1)) {
    errors.push(`${name}: CONCURRENTLY needs a file of its own that begins with \`-- no transaction\``);
  }
  return errors;
}

function applies({ pattern, of }: Rule, statement: string, existing: Set<string>): boolean {
  const match = pattern.exec(statement);
  return match !== null && (of === 'everything' || existing.has(match[1] ?? ''));
}

function createdTables(sql: string): string[] {
  const pattern = new RegExp(`^CREATE TABLE (?:IF NOT EXISTS )?${NAME}`, 'i');
  return statementsOf(sql).flatMap((statement) => pattern.exec(statement)?.[1] ?? []);
}

/** Splits a script into statements on one line each, without comments and function bodies; ALTER TABLE into its actions. */
function statementsOf(sql: string): string[] {
  const statements = sql
    .replace(/--.*$/gm, '')
    .replace(/\$(\w*)\$[\s\S]*?\$\1\$/g, "''")
    .split(';')
    .map((statement) => statement.replace(/\s+/g, ' ').trim());
  return statements.filter((statement) => statement !== '').flatMap(actionsOf);
}

function actionsOf(statement: string): string[] {
  const [, start = '', actions = ''] = /^(ALTER TABLE (?:IF EXISTS )?(?:ONLY )?\S+ )(.*)$/i.exec(statement) ?? [];
  if (actions === '') return [statement];
  // Commas outside parentheses.
  return actions.split(/,(?![^(]*\))/).map((action) => start + action.trim());
}
