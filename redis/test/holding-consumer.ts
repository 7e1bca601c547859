/** A process for tests to kill: receives jobs of the queue at argv[2], prints their uuids and stalls, and never ends one. */
import { consumeAlerts } from '../queue.ts';

const [url = ''] = process.argv.slice(2);
consumeAlerts(
  url,
  ({ uuid }, _signal, { stalls }) => {
    process.stdout.write(`${uuid} ${stalls}\n`);
    return new Promise(() => {});
  },
  { concurrency: 1, onError: (error) => process.stderr.write(`${error.message}\n`) },
);
