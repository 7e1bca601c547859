import { type Command, EXIT, number, oneOf, text, UsageError } from './command.ts';
import { alertWriter, STATUSES } from './output.ts';

export const tail: Command = {
  usage: '',
  summary: 'Print changes of alerts as they happen, until Ctrl-C',
  options: {
    store: { type: 'string' },
    status: { type: 'string' },
    after: { type: 'string' },
    count: { type: 'string' },
  },
  help: [
    ['--store STORE', 'only this store'],
    ['--status STATUS', `only changes to this status: ${STATUSES.join(', ')}`],
    ['--after ID', 'start after this event, the `id` of a line of --json; default: now'],
    ['--count N', 'exit after N changes'],
  ],
  examples: ['video-alerts tail --store test-store', 'video-alerts tail --status failed --json'],
  async run({ client, values, positionals, output, signal }) {
    if (positionals.length > 0) throw new UsageError('tail takes no arguments');
    const count = number(values, 'count') ?? Number.POSITIVE_INFINITY;
    const write = alertWriter(output);
    const [store, lastEventId] = [text(values, 'store'), text(values, 'after')];
    let seen = 0;
    for await (const event of client.events({
      store,
      status: oneOf(values, 'status', STATUSES),
      lastEventId,
      signal,
    })) {
      if (output.json) output.line(JSON.stringify(event));
      else if (event.alert) write(event.alert);
      else output.note('The position is unknown to the server, for example after a restore: changes are missing.');
      if (event.alert) seen += 1;
      if (seen >= count) break;
    }
    return EXIT.ok;
  },
};
