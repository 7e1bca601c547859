import { type Command, EXIT, number, text, UsageError } from './command.ts';
import { alertWriter } from './output.ts';
import { WAIT_HELP, waitFor } from './wait.ts';

export const send: Command = {
  usage: 'VIDEO --store STORE',
  summary: 'Send an alert, and with --wait print its result',
  options: {
    store: { type: 'string' },
    camera: { type: 'string' },
    source: { type: 'string' },
    timestamp: { type: 'string' },
    uuid: { type: 'string' },
    wait: { type: 'boolean' },
    timeout: { type: 'string' },
  },
  help: [
    ['--store STORE', 'the store where it happened; required'],
    ['--camera CAMERA', 'the camera of the store'],
    ['--source SOURCE', 'the video source that has the video; default: that of the store'],
    ['--timestamp SECONDS', 'when it happened, in Unix seconds; default: now'],
    ['--uuid UUID', 'sending the same uuid again creates no second alert; default: a new one'],
    ['--wait', 'print the alert when it is processed or failed'],
    WAIT_HELP,
  ],
  examples: [
    'video-alerts send /videos/test_1.avi --store test-store --wait',
    'video-alerts send /videos/test_1.avi --store test-store --uuid 35df2857-3a48-4985-aed0-e68b5ae4c968 --json',
  ],
  async run({ client, values, positionals, output, signal }) {
    const [video, ...more] = positionals;
    const store = text(values, 'store');
    if (video === undefined || more.length > 0)
      throw new UsageError('send takes one VIDEO, the path on the video server');
    if (store === undefined) throw new UsageError('--store is required');
    const timestamp = number(values, 'timestamp') ?? Date.now() / 1_000;
    const [camera, source, uuid] = [text(values, 'camera'), text(values, 'source'), text(values, 'uuid')];
    const optional = { ...(camera !== undefined && { camera }), ...(source !== undefined && { source }) };
    const alert = await client.send({ uuid, video, store, timestamp, ...optional }, { signal });
    if (values.wait) return waitFor([alert.uuid], { client, values, output, signal });
    alertWriter(output)(alert);
    return EXIT.ok;
  },
};
