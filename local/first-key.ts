import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ENTRY = fileURLToPath(new URL('../api/auth/keys-cli.ts', import.meta.url));

/** The first key. It is created before the api starts, which otherwise says that no key exists. */
export type FirstKey = {
  /** Returns the key; undefined if there are keys already. */
  create(env: NodeJS.ProcessEnv): Promise<string | undefined>;
  /** Prints the created key, once, when the api accepts it. */
  show(): void;
  /** Prints the created key if it was not shown: it exists, and the next start will not create another one. */
  showUnseen(): void;
};

export function createFirstKey(print: (line: string) => void): FirstKey {
  let unseen: string | undefined;
  const printOnce = (before: string) => {
    if (unseen !== undefined) print(`${before}: ${unseen}`);
    unseen = undefined;
  };
  return {
    async create(env) {
      const args = ['create', '--first', '--name', 'first', '--scope', 'write,read,operate,manage,metrics'];
      const { stdout } = await promisify(execFile)(process.execPath, [ENTRY, ...args], { env });
      unseen = stdout.trim() || undefined;
      return unseen;
    },
    show: () => printOnce('First key, shown only once'),
    showUnseen: () =>
      printOnce(
        'The api is not ready, but its first key exists. It works from the next start on and is shown only once',
      ),
  };
}
