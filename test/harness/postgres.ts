import { type EmbeddedPostgres, startEmbeddedPostgres } from '#local/postgres/embedded.ts';
import { endWithThisProcess } from './process.ts';

/** A PostgreSQL of one's own that can be stopped and crashed. Its port changes with each restart. */
export type PostgresServer = {
  /** Superuser's URL of the database `alerts`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Stops PostgreSQL, in its fast way or as a crash does, and starts it again on the same data. */
  restart(how: { crash: boolean }): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a durable PostgreSQL on `dataDir`, with an empty database `alerts`. It ends with this process. */
export async function startPostgres(dataDir: string): Promise<PostgresServer> {
  const start = async () => {
    const started = await startEmbeddedPostgres({ dataDir });
    return { ...started, disarm: endWithThisProcess(started.pid, 'SIGINT') };
  };
  let server: EmbeddedPostgres & { disarm(): void } = await start();
  const stop = async () => {
    server.disarm();
    await server.stop();
  };
  return {
    get url() {
      return server.url;
    },
    get port() {
      return Number(new URL(server.url).port);
    },
    get pid() {
      return server.pid;
    },
    async restart({ crash }) {
      // SIGQUIT ends every session at once; what was committed but not yet written to disk is lost.
      if (crash) process.kill(server.pid, 'SIGQUIT');
      await stop();
      server = await start();
    },
    stop,
  };
}
