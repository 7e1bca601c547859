import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import { ConfigError } from '#config/parse.ts';
import { createLog } from './log.ts';
import { profileOnSignal } from './profile.ts';
import type { SamplerName } from './sampler.ts';
import { startTracing } from './tracing.ts';

// Requests and attempts in progress get this long to finish; compose's grace period is longer.
const CLOSE_MS = 10_000;

/** The variables that every service reads. */
export type ServiceConfig = {
  LOG_LEVEL: string;
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_TRACES_SAMPLER: SamplerName;
  OTEL_TRACES_SAMPLER_ARG: number;
  OTEL_SERVICE_NAME?: string | undefined;
  PROFILE_DIR: string;
  PROFILE_SECONDS: number;
};

export type Service<Config> = {
  config: Config;
  log: Logger;
  /** True if spans are exported. */
  traced: boolean;
  /** True once the shutdown has begun. */
  stopping(): boolean;
  /** Registers a step of the shutdown. The step registered last runs first. */
  onClose(close: () => unknown): void;
  /** Calls `reload` on each SIGHUP. A service that reloads nothing stops on SIGHUP. */
  onReload(reload: () => void): void;
  /** Resolves like `step`; if it rejects, prints one line and exits with 1. */
  orExit<T>(step: Promise<T>): Promise<T>;
};

/**
 * Starts what api and worker have in common: configuration, log, tracing, profiles on SIGUSR2 and a graceful shutdown
 * on SIGTERM, SIGINT and uncaught errors. Prints the message of a ConfigError thrown by `readConfig` and exits with 1.
 */
export async function startService<Config extends ServiceConfig>(
  name: string,
  readConfig: () => Config,
): Promise<Service<Config>> {
  const config = readOrExit(readConfig);
  const log = await createLog({ service: name, level: config.LOG_LEVEL, terminal: process.stdout.isTTY });
  const steps: (() => unknown)[] = [];
  let stopping = false;
  closeWithGrace({ delay: CLOSE_MS, logger: false, skip: ['SIGUSR2', 'SIGHUP'] }, async ({ err, signal }) => {
    stopping = true;
    if (err) log.fatal({ err }, 'stopping after an uncaught error');
    else log.info({ signal }, 'stopping');
    for (const close of steps.reverse()) await close();
    log.flush();
  });
  const reloads: (() => void)[] = [];
  process.on('SIGHUP', () => {
    if (reloads.length === 0) process.kill(process.pid, 'SIGTERM');
    for (const reload of reloads) reload();
  });
  // The parent is `npm start`. If it dies, the database that it runs stops too.
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

  const tracing = await startTracing({
    serviceName: config.OTEL_SERVICE_NAME ?? `video-alerts-${name}`,
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    sampler: { name: config.OTEL_TRACES_SAMPLER, ratio: config.OTEL_TRACES_SAMPLER_ARG },
  });
  if (tracing) steps.push(tracing.close);
  steps.push(
    profileOnSignal({ service: name, folder: config.PROFILE_DIR, seconds: config.PROFILE_SECONDS, log }).close,
  );
  return {
    config,
    log,
    traced: tracing !== undefined,
    stopping: () => stopping,
    onClose: (close) => void steps.push(close),
    onReload: (reload) => void reloads.push(reload),
    async orExit(step) {
      try {
        return await step;
      } catch (error) {
        return exit(`The ${name} cannot start: ${error instanceof Error ? error.message : error}.`);
      }
    },
  };
}

function readOrExit<Config>(readConfig: () => Config): Config {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return exit(error.message);
  }
}

function exit(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
