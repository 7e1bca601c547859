import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { appendAudit } from '#prisma/audit.ts';
import type { Database } from '#prisma/client.ts';
import { createMute, endMute, listMutes } from '#prisma/mutes.ts';
import { actorOf } from '../audit/actor.ts';
import { canAccessStore, requireManage, requireScope } from '../auth/client.ts';
import { allow, Problem, validationProblem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import { mutePathSchema, newMuteSchema } from './mute-schema.ts';
import { presentMute } from './present.ts';

type Deps = { db: Database };

/** GET and POST /mutes, and DELETE /mutes/:id. */
export function muteRoutes(deps: Deps): Router {
  const router = Router();
  const all = router.route('/mutes');
  all.get(requireScope('read'), getMutes(deps));
  all.post(requireManage, readJson, postMute(deps));
  all.all(allow('GET', 'POST'));
  router.route('/mutes/:id').delete(requireManage, deleteMute(deps)).all(allow('DELETE'));
  return router;
}

function getMutes({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const visible = (await listMutes(db)).filter(({ store }) => store === null || canAccessStore(req.apiClient, store));
    res.set('Cache-Control', 'private, no-cache').json({ data: visible.map(presentMute) });
  };
}

function postMute({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const mute = parse(newMuteSchema, req.body, 'mute');
    const endsAt = mute.ends_at ?? new Date(Date.now() + (mute.duration ?? 0));
    const data = {
      ...{ store: mute.store ?? null, failureCode: mute.failure_code ?? null, destinationId: mute.destination ?? null },
      ...{ reason: mute.reason, createdBy: req.apiClient.name, endsAt },
    };
    const row = await db.transaction(async (tx) => {
      const created = await createMute(tx, data);
      if (created) {
        const details = { ...presentMute(created) };
        await appendAudit(tx, { actor: actorOf(req), action: 'mute.created', target: created.id, details });
      }
      return created;
    });
    if (!row) throw unknownDestination();
    req.log.info({ mute: row.id }, 'mute created');
    res.status(201).json(presentMute(row));
  };
}

function unknownDestination(): Problem {
  const message = 'no destination has this id';
  const issue = { code: 'custom', path: ['destination'], params: { code: 'not_found' }, message, input: undefined };
  return validationProblem(new z.ZodError([{ ...issue, code: 'custom' }]), 'mute');
}

function deleteMute({ db }: Deps): RequestHandler {
  return async (req, res) => {
    const { id } = parse(mutePathSchema, req.params, 'path');
    const ended = await db.transaction(async (tx) => {
      const changed = await endMute(tx, id);
      if (changed) await appendAudit(tx, { actor: actorOf(req), action: 'mute.ended', target: id });
      return changed;
    });
    if (!ended) throw new Problem('not-found', 'No mute that has not ended has this id.');
    req.log.info({ mute: id }, 'mute ended');
    res.status(204).end();
  };
}
