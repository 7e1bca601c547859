import { type RequestHandler, Router } from 'express';
import { findAlert } from '#prisma/alerts.ts';
import type { Database } from '#prisma/client.ts';
import { presentAlert, triageOf } from '#prisma/present-alert.ts';
import { withRelated } from '#prisma/related-reads.ts';
import {
  addComment,
  type Comment,
  listComments,
  MAX_COMMENTS,
  type TriageResult,
  triageAlerts,
} from '#prisma/triage.ts';
import type { ResponseCache } from '../alerts/response-cache.ts';
import { alertPathSchema } from '../alerts/schema.ts';
import { requesterOf } from '../audit/actor.ts';
import { requireScope } from '../auth/client.ts';
import { allow, Problem, problemMembers } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import {
  bulkTriageSchema,
  type CommentJson,
  newCommentSchema,
  type TriageResultJson,
  triageChangeSchema,
} from './schema.ts';

type Deps = { db: Database; responses: ResponseCache };

/** PATCH /alerts/:uuid/triage, POST /alerts/triage, GET and POST /alerts/:uuid/comments. */
export function triageRoutes(deps: Deps): Router {
  const router = Router();
  const operate = requireScope('operate');
  router.route('/alerts/triage').post(operate, readJson, postTriage(deps)).all(allow('POST'));
  router.route('/alerts/:uuid/triage').patch(operate, readJson, patchTriage(deps)).all(allow('PATCH'));
  const comments = router.route('/alerts/:uuid/comments');
  comments.get(requireScope('read'), getComments(deps));
  comments.post(operate, readJson, postComment(deps));
  comments.all(allow('GET', 'POST'));
  return router;
}

function patchTriage({ db, responses }: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    const change = parse(triageChangeSchema, req.body, 'change');
    const results = await triageAlerts(db, [uuid], change, requesterOf(req));
    responses.drop(uuid);
    const result = results.get(uuid) ?? { kind: 'unknown' };
    const problem = problemOf(result);
    if (problem) throw problem;
    const alert = await findAlert(db, uuid);
    if (!alert) throw unknownAlert();
    if (result.kind === 'changed') req.log.info({ alert: uuid, ...change }, 'triage changed');
    res.set('Cache-Control', 'private, no-cache').json(presentAlert(await withRelated(db, alert)));
  };
}

function postTriage({ db, responses }: Deps): RequestHandler {
  return async (req, res) => {
    const { uuids, ...change } = parse(bulkTriageSchema, req.body, 'change');
    const results = await triageAlerts(db, uuids, change, requesterOf(req));
    for (const uuid of uuids) responses.drop(uuid);
    const changed = [...results.values()].filter(({ kind }) => kind === 'changed').length;
    req.log.info({ alerts: uuids.length, changed, ...change }, 'triage of several alerts changed');
    res.json({ results: uuids.map((uuid) => presentResult(uuid, results.get(uuid) ?? { kind: 'unknown' })) });
  };
}

function presentResult(uuid: string, result: TriageResult): TriageResultJson {
  const problem = problemOf(result);
  if (problem) return { uuid, status: problemMembers(problem).status, problem: problemMembers(problem) };
  return { uuid, status: 200, triage: 'triage' in result ? triageOf(result.triage) : null };
}

/** Returns why nothing was changed; undefined if the alert is as requested. */
function problemOf(result: TriageResult): Problem | undefined {
  switch (result.kind) {
    case 'unknown':
      return unknownAlert();
    case 'archived':
      return new Problem('alert-archived', 'The alert was restored from the archive: nothing is to be done.');
    case 'not-needed': {
      const detail = `The alert is ${result.status}${result.status === 'processed' ? '' : ' and not late'}: nothing is to be done.`;
      return new Problem('triage-not-needed', detail, { extra: { status_now: result.status } });
    }
    default:
      return undefined;
  }
}

function getComments({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    const comments = await listComments(db, uuid, req.apiClient.stores);
    if (!comments) throw unknownAlert();
    res.set('Cache-Control', 'private, no-cache').json({ data: comments.map(presentComment) });
  };
}

function postComment({ db, responses }: Deps): RequestHandler {
  return async (req, res) => {
    const { uuid } = parse(alertPathSchema, req.params, 'path');
    const { text } = parse(newCommentSchema, req.body, 'comment');
    const comment = await addComment(db, uuid, text, requesterOf(req));
    responses.drop(uuid);
    if (comment === 'unknown') throw unknownAlert();
    if (comment === 'full') throw new Problem('too-many-comments', `The alert has ${MAX_COMMENTS} comments.`);
    req.log.info({ alert: uuid, comment: comment.number }, 'comment added');
    res.status(201).json(presentComment(comment));
  };
}

function presentComment({ number, text, author, createdAt }: Comment): CommentJson {
  return { number, text, author, created_at: createdAt.toISOString() };
}

function unknownAlert(): Problem {
  return new Problem('not-found', 'No alert has this uuid.');
}
