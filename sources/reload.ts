import type { Logger } from 'pino';

/**
 * Returns a function that reads the file again and uses it. If the file is invalid, the values in use stay, and the errors
 * are logged.
 */
export function createReload<Value>(options: {
  read: () => Value;
  use: (value: Value) => void;
  log: Logger;
}): () => void {
  const { read, use, log } = options;
  return () => {
    try {
      use(read());
      log.info('sources reloaded');
    } catch (error) {
      // Its message lists the errors; the stack adds nothing.
      log.error({ reason: error instanceof Error ? error.message : String(error) }, 'sources not reloaded');
    }
  };
}
