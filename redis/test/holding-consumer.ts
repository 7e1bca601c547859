/** A process of its own, to be killed: takes jobs from the queue at argv[2], says so, and never ends one. */
import { consumeAlerts } from '../queue.ts';

const [url = ''] = process.argv.slice(2);
consumeAlerts(
  url,
  ({ uuid }) => {
    process.stdout.write(`${uuid}\n`);
    return new Promise(() => {});
  },
  { concurrency: 1, onError: (error) => process.stderr.write(`${error.message}\n`) },
);
