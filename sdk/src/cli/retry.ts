import { type Command, EXIT, UsageError } from './command.ts';
import { alertWriter } from './output.ts';
import { WAIT_HELP, waitFor } from './wait.ts';

export const retry: Command = {
  usage: 'UUID…',
  summary: 'Give failed alerts a new round of attempts',
  options: { wait: { type: 'boolean' }, timeout: { type: 'string' } },
  help: [['--wait', 'print each alert when it is processed or failed again'], WAIT_HELP],
  examples: [
    'video-alerts retry 35df2857-3a48-4985-aed0-e68b5ae4c968 --wait',
    'video-alerts list --status failed --json | jq -r .uuid | xargs video-alerts retry',
  ],
  async run({ client, values, positionals, output, signal }) {
    if (positionals.length === 0) throw new UsageError('retry takes at least one UUID');
    const write = alertWriter(output);
    for (const uuid of positionals) {
      const alert = await client.retry(uuid, { signal });
      if (!values.wait) write(alert);
    }
    return values.wait ? waitFor(positionals, { client, values, output, signal }) : EXIT.ok;
  },
};
