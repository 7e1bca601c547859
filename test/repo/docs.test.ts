import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiFields } from '#api/config.ts';
import { PROBLEMS, type ProblemName } from '#api/http/problem.ts';
import { retryAdvice } from '#api/openapi/problem-page.ts';
import { USAGE as CAPACITY_USAGE } from '#bench/capacity/options.ts';
import { USAGE as BENCH_USAGE } from '#bench/options.ts';
import { USAGE as CHAOS_USAGE } from '#chaos/options.ts';
import { startFields } from '#local/config.ts';
import { FailureCode } from '#prisma/generated/enums.ts';
import { workerFields } from '#worker/config.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  .toString()
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)));
const pages = tracked.filter((path) => path.endsWith('.md') && !path.includes('/test/'));
const { scripts } = JSON.parse(read('package.json'));

/** The first cells of a page's tables, under one heading or on the whole page. */
function firstCells(page: string, heading?: string): string[] {
  const text = read(page);
  const [, after = ''] = heading === undefined ? ['', text] : text.split(`## ${heading}\n`);
  const section = heading === undefined ? after : (after.split('\n## ')[0] ?? '');
  return [...section.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
}

/** GitHub's id of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

describe('documentation', () => {
  it.each(pages)('%s links only to files and headings that exist', (page) => {
    const links = [...read(page).matchAll(/(?:\]\(|src=")([^)\s"]+)[)"]/g)].map(([, target = '']) => target);
    for (const link of links.filter((target) => !/^(https?|mailto):/.test(target))) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      expect(existsSync(join(ROOT, target)), link).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(target), link).toContain(anchor);
    }
  });

  // The changelog also names what was removed.
  const current = pages.filter((page) => page !== 'CHANGELOG.md');

  it.each(current)('%s names only options of chaos, bench and capacity that exist', (page) => {
    const usages: Record<string, string> = { chaos: CHAOS_USAGE, bench: BENCH_USAGE, capacity: CAPACITY_USAGE };
    for (const [, script = '', options = ''] of read(page).matchAll(
      /npm run (chaos|bench|capacity) --((?: [^\s`#]+)+)/g,
    )) {
      for (const [option] of options.matchAll(/--[a-z-]+/g)) expect(usages[script], option).toContain(option);
    }
  });

  it.each(current)('%s names only npm scripts that exist', (page) => {
    for (const [, name = ''] of read(page).matchAll(/npm (?:run )?(?:--silent )?(start|test|(?<=run )[a-z][\w:-]*)/g)) {
      expect(scripts, name).toHaveProperty(name);
    }
  });

  it.each(current)('%s names only files that exist', (page) => {
    const folders = [...new Set(tracked.map((path) => path.split('/')[0]))].join('|').replaceAll('.', '\\.');
    const named = read(page).matchAll(new RegExp(`\`((?:${folders})/[\\w./-]*)\``, 'g'));
    const exists = (path: string) => existsSync(join(ROOT, path)) || existsSync(join(ROOT, dirname(page), path));
    for (const [, path = ''] of named) expect(exists(path), path).toBe(true);
  });

  it('has a short README', () => {
    const lines = read('README.md').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(150);
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });

  it('has pages of at most 200 lines and lists each of them', () => {
    const docs = pages.filter((page) => /^docs\/[^/]+\.md$/.test(page));
    expect(docs.length).toBeGreaterThan(8);
    for (const page of docs) expect(read(page).trimEnd().split('\n').length, page).toBeLessThanOrEqual(200);
    const index = read('docs/README.md');
    for (const page of docs) if (page !== 'docs/README.md') expect(index).toContain(`(${page.slice(5)})`);
  });

  it('lists every decision', () => {
    const decisions = pages.filter((page) => /^docs\/decisions\/(?!README)/.test(page));
    expect(decisions.length).toBeGreaterThan(10);
    const index = read('docs/decisions/README.md');
    for (const page of decisions) expect(index).toContain(`(${page.slice('docs/decisions/'.length)})`);
  });
});

describe('the ten questions in CONTRIBUTING.md', () => {
  const [, section = ''] = read('CONTRIBUTING.md').split('## Ten questions\n');
  const [table = ''] = section.split('\n## ');
  const rows = [...table.matchAll(/^\| (.+\?) \| (.+) \|$/gm)].map(([, question = '', answer = '']) => [
    question,
    answer,
  ]);

  it('are ten', () => expect(rows).toHaveLength(10));

  it.each(rows)('%s names identifiers that its files contain', (_question, answer = '') => {
    const names = [...answer.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    const files = names.filter((name) => /\/.+\.ts$/.test(name));
    const sources = files.map(read).join('\n');
    for (const name of names.filter((each) => /^#?\w+$/.test(each))) {
      if (files.length > 0) expect(sources, name).toContain(name);
    }
    expect(files.length > 0 || answer.includes('](#')).toBe(true);
  });
});

describe('configuration variables', () => {
  const ofFileServer = [...read('local/file-server.ts').matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(
    ([, name = '']) => name,
  );
  const fields = new Set([...Object.keys(startFields), ...ofFileServer]);
  /** Read by compose.yml and nginx/tls/compose.yml themselves. */
  const composeOnly = [
    'PROMETHEUS_PORT',
    'GRAFANA_PORT',
    'TRUSTED_PROXIES',
    'TLS_DIR',
    'TLS_NAME',
    'ACME_DIR',
    'BACKUP_DIR',
  ];
  const compose = read('compose.yml');

  it('are all in docs/configuration.md, and no others', () => {
    const documented = firstCells('docs/configuration.md').filter((name) => /^[A-Z]/.test(name));
    expect(fields).toContain('DATABASE_URL');
    expect(documented.toSorted()).toEqual([...fields, ...composeOnly].toSorted());
  });

  it('are all in .env.example, and no others', () => {
    const names = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z_]+)=/gm)].map(([, name = '']) => name);
    expect(names.toSorted()).toEqual([...fields, ...composeOnly, 'COMPOSE_FILE', 'COMPOSE_PROFILES'].toSorted());
  });

  it.each([
    ['api', apiFields],
    ['worker', workerFields],
  ])('of the %s are all set in compose.yml, and no others', (service, ofService) => {
    const [, block = ''] = compose.split(`\n  ${service}:\n`);
    const [environment = ''] = (block.split('    environment:\n')[1] ?? '').split(/\n {4}\w/);
    const set = [...environment.matchAll(/^ {6}([A-Z][A-Z_]+):/gm)].map(([, name = '']) => name);
    // compose gives URLs and the key as files; ffprobe and ffmpeg are in the image.
    const urls = ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL', 'QUEUE_URL'];
    const elsewhere = [...urls, 'SECRETS_KEY', 'FFPROBE_PATH', 'FFMPEG_PATH'];
    expect(set.toSorted()).toEqual(
      Object.keys(ofService)
        .filter((name) => !elsewhere.includes(name))
        .toSorted(),
    );
  });
});

describe('codes', () => {
  it('of failures are those of docs/errors.md and of the page', () => {
    const codes = Object.values(FailureCode).toSorted();
    expect(firstCells('docs/errors.md', 'Failure codes').toSorted()).toEqual(codes);
    const page = read('prisma/failure-codes.ts');
    const explained = [...page.matchAll(/^ {2}([a-z_]+): \{$/gm)].map(([, code = '']) => code);
    expect(explained.toSorted()).toEqual(codes);
  });

  it('of problems are explained in docs/errors.md as by the api', () => {
    const [, section = ''] = read('docs/errors.md').split('## Problems\n');
    const rows = [...section.matchAll(/^\| `[a-z-]+` \| \d+ \|.+$/gm)].map(([row]) => row);
    const names = Object.keys(PROBLEMS) as ProblemName[]; // the keys of a literal
    const expected = names.map((name) => {
      const [status, title, advice] = PROBLEMS[name];
      return `| \`${name}\` | ${status} | ${title} | ${retryAdvice(name)} | ${advice} |`;
    });
    expect(rows).toEqual(expected);
  });
});
