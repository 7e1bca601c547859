import { randomUUID } from 'node:crypto';
import { type RequestHandler, Router } from 'express';
import type { z } from 'zod';
import type { Cidr } from '#destinations/address-rules.ts';
import type { Group } from '#destinations/events.ts';
import { type Fields, splitSecrets } from '#destinations/kinds.ts';
import { appendAudit } from '#prisma/audit.ts';
import type { Database, Transaction } from '#prisma/client.ts';
import { deleteDestination, setEnabled } from '#prisma/destination-backlog.ts';
import {
  createDestination,
  type DestinationRow,
  destinationHealth,
  findDestination,
  listDestinations,
  NameTaken,
  type NewDestination,
  updateDestination,
} from '#prisma/destinations.ts';
import { actorOf } from '../audit/actor.ts';
import { requireManage, requireScope } from '../auth/client.ts';
import { allow, Problem } from '../http/problem.ts';
import { parse, readJson } from '../http/request-body.ts';
import { parseDestinationPatch, parseNewDestination } from './config-input.ts';
import { presentDestination } from './present.ts';
import { CONSOLE, type DestinationJson, destinationPathSchema, type newDestinationSchema } from './schema.ts';
import { newSigningSecret, type SecretStore, type Secrets } from './secrets.ts';
import type { TriggerDelivery } from './trigger.ts';

export type DestinationDeps = {
  db: Database;
  secretStore: SecretStore;
  /** DESTINATION_ALLOW_CIDRS. */
  allowedCidrs: readonly Cidr[];
  /** Deliveries per second that an enabled destination gets first. */
  backlogRate: number;
  triggerDelivery: TriggerDelivery;
};

/** How long DELETE deletes deliveries. The workers delete the rest. */
const DELETE_MS = 1_000;

/** GET and POST /destinations; GET, PATCH and DELETE /destinations/:id. */
export function destinationRoutes(deps: DestinationDeps): Router {
  const router = Router();
  const all = router.route('/destinations');
  all.get(requireScope('read'), getDestinations(deps));
  all.post(requireManage, readJson, postDestination(deps));
  all.all(allow('GET', 'POST'));
  const one = router.route('/destinations/:id');
  one.get(requireScope('read'), getDestination(deps));
  one.patch(requireManage, readJson, patchDestination(deps));
  one.delete(requireManage, removeDestination(deps));
  one.all(allow('GET', 'PATCH', 'DELETE'));
  return router;
}

function getDestinations({ db, secretStore }: DestinationDeps): RequestHandler {
  return async (_req, res) => {
    const [rows, health] = await Promise.all([listDestinations(db), destinationHealth(db)]);
    const data = rows.map((row) => presentDestination(row, secretStore.read(row), health.get(row.id)));
    res.set('Cache-Control', 'private, no-cache').json({ data: [CONSOLE, ...data] });
  };
}

function getDestination(deps: DestinationDeps): RequestHandler {
  return async (req, res) => {
    const { id } = parse(destinationPathSchema, req.params, 'path');
    const destination = id === CONSOLE.id ? CONSOLE : await currentDestination(deps, await existing(deps.db, id));
    res.set('Cache-Control', 'private, no-cache').json(destination);
  };
}

function postDestination(deps: DestinationDeps): RequestHandler {
  return async (req, res) => {
    const { config, ...body } = parseNewDestination(req.body, deps.allowedCidrs);
    const id = randomUUID();
    const { config: shown, secrets: fields } = splitSecrets(body.kind, config);
    const signing = newSigningSecret(body.kind);
    const secrets: Secrets = { fields, signing };
    const sealed = deps.secretStore.seal(id, secrets);
    if (body.name === CONSOLE.name) throw nameTaken(body.name, CONSOLE.links.self);
    const data = {
      ...{ id, name: body.name, kind: body.kind, enabled: body.enabled, secrets: sealed },
      ...{ config: toJson(shown), ...filterColumns(body.filter), ...groupColumns(body.group) },
      waitForPicture: body.wait_for_picture,
    };
    const create = async (tx: Transaction) => {
      const created = await createDestination(tx, data);
      const details = { name: body.name, kind: body.kind, enabled: body.enabled };
      await appendAudit(tx, { actor: actorOf(req), action: 'destination.created', target: id, details });
      return created;
    };
    const row = await deps.db.transaction(create).catch(explainNameTaken(deps.db, body.name));
    req.log.info({ destination: id, kind: row.kind }, 'destination created');
    res
      .status(201)
      .set('Location', `/destinations/${id}`)
      .json({ ...presentDestination(row, { secrets }), ...(signing && { signing_secret: signing.secret }) });
  };
}

function patchDestination(deps: DestinationDeps): RequestHandler {
  return async (req, res) => {
    const before = await existing(deps.db, changeableId(req.params));
    const { kind, id } = before;
    const { secrets: stored } = deps.secretStore.read(before);
    const config = Object(before.config) as Fields; // the column holds an object
    const patch = parseDestinationPatch(req.body, { kind, config, secrets: stored?.fields }, deps.allowedCidrs);
    if (patch.name === CONSOLE.name) throw nameTaken(patch.name, CONSOLE.links.self);
    const changed = patch.config && changedConfig(deps, before, patch.config, stored);
    const set = {
      ...{ name: patch.name, config: changed?.config, secrets: changed?.secrets },
      ...(patch.filter && filterColumns(patch.filter)),
      ...(patch.group !== undefined && groupColumns(patch.group)),
      waitForPicture: patch.wait_for_picture,
    };
    // The names of the fields only: their values may be secret.
    const details = { name: patch.name ?? before.name, fields: Object.keys(Object(req.body)), ...enabledOf(patch) };
    const update = async (tx: Transaction) => {
      const updated = await updateDestination(tx, id, set);
      if (updated) {
        await appendAudit(tx, { actor: actorOf(req), action: 'destination.changed', target: id, details });
      }
      return updated;
    };
    const row = await deps.db.transaction(update).catch(explainNameTaken(deps.db, patch.name ?? ''));
    if (patch.enabled !== undefined && patch.enabled !== before.enabled) {
      await setEnabled(deps.db, id, patch.enabled, { ratePerS: deps.backlogRate });
    }
    if (patch.enabled) await deps.triggerDelivery({ destination: id });
    req.log.info({ destination: id, changed: Object.keys(Object(req.body)) }, 'destination changed');
    const after = await existing(deps.db, row?.id ?? id);
    res.json({ ...(await currentDestination(deps, after)), ...changed?.shownOnce });
  };
}

function enabledOf({ enabled }: { enabled?: boolean | undefined }) {
  return enabled === undefined ? {} : { enabled };
}

/** Returns the columns of a changed configuration. If the stored signing secret cannot be read, there is a new one. */
function changedConfig(
  { secretStore }: DestinationDeps,
  { id, kind }: DestinationRow,
  config: Fields,
  stored: Secrets | undefined,
) {
  const { config: shown, secrets: fields } = splitSecrets(kind, config);
  const signing = stored ? stored.signing : newSigningSecret(kind);
  return {
    config: toJson(shown),
    secrets: secretStore.seal(id, { fields, signing }),
    shownOnce: !stored && signing ? { signing_secret: signing.secret } : {},
  };
}

function removeDestination({ db }: DestinationDeps): RequestHandler {
  return async (req, res) => {
    const id = changeableId(req.params);
    const entry = { actor: actorOf(req), action: 'destination.deleted', target: id } as const;
    if (!(await deleteDestination(db, id, DELETE_MS, entry))) throw unknownDestination();
    req.log.info({ destination: id }, 'destination deleted');
    res.status(204).end();
  };
}

/** Returns the destination with its health. */
async function currentDestination({ db, secretStore }: DestinationDeps, row: DestinationRow): Promise<DestinationJson> {
  return presentDestination(row, secretStore.read(row), (await destinationHealth(db)).get(row.id));
}

/** Returns the id of a path. Throws a Problem if it is the console's. */
export function changeableId(params: unknown): string {
  const { id } = parse(destinationPathSchema, params, 'path');
  if (id === CONSOLE.id)
    throw new Problem('builtin-destination', 'The destination console cannot be changed or tested.');
  return id;
}

/** Returns the destination. Throws a Problem if there is none. */
export async function existing(db: Database, id: string): Promise<DestinationRow> {
  const row = await findDestination(db, id);
  if (!row) throw unknownDestination();
  return row;
}

export function unknownDestination(): Problem {
  return new Problem('not-found', 'No destination has this id.');
}

function nameTaken(name: string, self: string): Problem {
  return new Problem('name-taken', `Another destination has the name ${name}.`, { extra: { existing: self } });
}

function explainNameTaken(db: Database, name: string) {
  return async (error: unknown): Promise<never> => {
    if (!(error instanceof NameTaken)) throw error;
    const other = (await listDestinations(db)).find((each) => each.name === name);
    throw nameTaken(name, other ? `/destinations/${other.id}` : '/destinations');
  };
}

type Body = z.output<typeof newDestinationSchema>;

function filterColumns({ stores, events, failure_codes }: Body['filter']) {
  return { filterStores: stores, filterEvents: events as string[], filterFailureCodes: failure_codes };
}

function groupColumns(group: Group | null) {
  return {
    groupBy: group?.by ?? null,
    groupWaitS: group?.wait_s ?? null,
    groupIntervalS: group?.interval_s ?? null,
  };
}

/** Parsed from JSON, so it is JSON. */
function toJson(fields: Fields): NewDestination['config'] {
  return fields as NewDestination['config'];
}
