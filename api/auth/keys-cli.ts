import { runKeysCommand } from './keys-command.ts';

process.exitCode = await runKeysCommand(process.argv.slice(2), process.env, process);
