import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { appendAudit } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import {
  deleteRetentionRule,
  findRetentionRule,
  listRetentionRules,
  partsOf,
  type RuleTarget,
  setRetentionRule,
} from '#prisma/retention-rules.ts';
import { countDue, findRetentionState, readDatabaseTime } from '#prisma/retention-run.ts';
import { actorOf } from '../audit/actor.ts';
import { type Client, canAccessStore, requireScope } from '../auth/client.ts';
import { allow, Problem, validationProblem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import { presentRule, presentRun } from './present.ts';
import { MAX_COUNTED, newRuleSchema, previewSchema, rulePathSchema } from './schema.ts';

type Deps = {
  db: Database;
  /** RETENTION_DAYS. */
  retentionDays?: number | undefined;
};

/** The worker reads the alerts of each store with rules once a minute. */
const MAX_RULES = 1_000;
/** Rows that a preview reads: about a second. */
const MAX_SCAN = 2_000_000;

/** GET /retention, PUT and DELETE /retention/rules, and POST /retention/preview. */
export function retentionRoutes(deps: Deps): Router {
  const router = Router();
  const manage = requireScope('manage');
  router.route('/retention').get(manage, getRetention(deps)).all(allow('GET'));
  router.route('/retention/rules').put(manage, readJson, putRule(deps)).all(allow('PUT'));
  router.route('/retention/rules/:id').delete(manage, deleteRule(deps)).all(allow('DELETE'));
  router.route('/retention/preview').post(manage, readJson, postPreview(deps)).all(allow('POST'));
  return router;
}

function getRetention({ db, retentionDays }: Deps): RequestHandler {
  return async ({ apiClient }, res) => {
    const [rules, state] = await Promise.all([listRetentionRules(db), findRetentionState(db)]);
    const visible = rules.filter(({ store }) => store === null || canAccessStore(apiClient, store));
    res.set('Cache-Control', 'private, no-cache').json({
      default_days: retentionDays ?? null,
      rules: visible.map(presentRule),
      last_run: state && apiClient.stores === undefined ? presentRun(state) : null,
    });
  };
}

function putRule({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const rule = parse(newRuleSchema, req.body, 'retention rule');
    checkTarget(req.apiClient, rule);
    const rules = await listRetentionRules(db);
    const before = rules.find(({ store, status }) => store === rule.store && status === rule.status);
    if (!before && rules.length >= MAX_RULES) throw tooMany();
    const row = await db.transaction(async (tx) => {
      const set = await setRetentionRule(tx, { ...rule, updatedBy: req.apiClient.name });
      const details = { ...rule, before: before?.days ?? null };
      await appendAudit(tx, { actor: actorOf(req), action: 'retention.changed', target: set.id, details });
      return set;
    });
    req.log.info({ retentionRule: row.id, ...rule }, 'retention rule set');
    res.json(presentRule(row));
  };
}

function deleteRule({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const { id } = parse(rulePathSchema, req.params, 'path');
    const rule = await findRetentionRule(db, id);
    const notFound = new Problem('not-found', 'No retention rule has this id.');
    if (!rule) throw notFound;
    checkTarget(req.apiClient, rule);
    const deleted = await db.transaction(async (tx) => {
      if (!(await deleteRetentionRule(tx, id))) return false;
      const details = { store: rule.store, status: rule.status, before: rule.days, deleted: true };
      await appendAudit(tx, { actor: actorOf(req), action: 'retention.changed', target: id, details });
      return true;
    });
    if (!deleted) throw notFound;
    req.log.info({ retentionRule: id }, 'retention rule deleted');
    res.status(204).end();
  };
}

function postPreview({ db, retentionDays }: Deps): RequestHandler {
  return async (req, res) => {
    const { store, status, days } = parse(previewSchema, req.body, 'preview');
    checkTarget(req.apiClient, { store });
    const others = (await listRetentionRules(db)).filter((rule) => rule.store !== store || rule.status !== status);
    const rules = days === undefined ? others : [...others, { store, status, days }];
    const parts = partsOf(rules, retentionDays, store ?? undefined);
    const limits = { limit: MAX_COUNTED, scan: MAX_SCAN };
    const { alerts, oldest } = await countDue(db, parts, await readDatabaseTime(db), limits);
    res.set('Cache-Control', 'no-store').json({ due: alerts, oldest: oldest?.toISOString() ?? null });
  };
}

/** Throws a Problem if the rule concerns stores that the client may not access. */
function checkTarget(client: Client, { store }: Pick<RuleTarget, 'store'>): void {
  if (client.stores === undefined || (store !== null && canAccessStore(client, store))) return;
  throw new Problem('forbidden', `The key ${client.id} is limited to stores: it may change rules of these only.`);
}

function tooMany(): Problem {
  const message = `there are ${MAX_RULES} rules already`;
  const issue = { code: 'custom' as const, path: ['store'], params: { code: 'too_many' }, message, input: undefined };
  return validationProblem(new z.ZodError([issue]), 'retention rule');
}
