import type { ListQuery } from '../client.ts';
import { type Command, EXIT, number, oneOf, text, UsageError } from './command.ts';
import { alertWriter, STATUSES } from './output.ts';

const DEFAULT_LIMIT = 50;
const MAX_PAGE = 200;

export const list: Command = {
  usage: '',
  summary: 'List alerts, newest first',
  options: {
    q: { type: 'string' },
    store: { type: 'string' },
    camera: { type: 'string' },
    status: { type: 'string' },
    'failure-code': { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    limit: { type: 'string' },
  },
  help: [
    ['--store STORE, --camera CAMERA', 'only of this store, of this camera'],
    ['--status STATUS', `only with this status: ${STATUSES.join(', ')}`],
    ['--failure-code CODE', 'only failed with this code, such as video_timeout'],
    ['--q TEXT', 'part of the store, the uuid or the name of the video'],
    ['--from TIME, --to TIME', 'only received in this time, such as 2026-11-27T08:00:00Z'],
    ['--limit N', `at most N alerts; default: ${DEFAULT_LIMIT}`],
  ],
  examples: [
    'video-alerts list --status failed --limit 20',
    'video-alerts list --store test-store --from 2026-11-27T00:00:00Z --limit 100000 --json > alerts.jsonl',
  ],
  async run({ client, values, positionals, output, signal }) {
    if (positionals.length > 0) throw new UsageError('list takes no arguments');
    const limit = number(values, 'limit') ?? DEFAULT_LIMIT;
    if (!Number.isInteger(limit) || limit < 1) throw new UsageError('--limit takes a whole number from 1');
    const query: ListQuery = {
      q: text(values, 'q'),
      store: text(values, 'store'),
      camera: text(values, 'camera'),
      status: oneOf(values, 'status', STATUSES),
      failure_code: text(values, 'failure-code') as ListQuery['failure_code'], // the API lists the valid ones
      from: text(values, 'from'),
      to: text(values, 'to'),
      limit: Math.min(limit, MAX_PAGE),
    };
    const write = alertWriter(output);
    let left = limit;
    for await (const page of client.pages(query, { signal })) {
      for (const alert of page.data.slice(0, left)) write(alert);
      left -= page.data.length;
      if (left > 0) continue;
      if (left < 0 || page.next_cursor !== null) output.note(`There are more than ${limit}: use --limit.`);
      return EXIT.ok;
    }
    if (left === limit) output.note('No alert matches.');
    return EXIT.ok;
  },
};
