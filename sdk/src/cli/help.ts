import type { Command } from './command.ts';

const GLOBAL: [string, string][] = [
  ['--url URL', 'the API; default: VIDEO_ALERTS_URL, or http://127.0.0.1:8000'],
  ['--key KEY', 'the API key; default: VIDEO_ALERTS_KEY'],
  ['--retry-for SECONDS', 'how long a request may take, its repetitions included; default: 60'],
  ['--json', 'print one JSON object per line instead of a table'],
  ['--help, --version', ''],
];

const EXIT_CODES: [string, string][] = [
  ['0', 'done'],
  ['1', 'an alert that was waited for has failed'],
  ['2', 'wrong usage'],
  ['3', 'the API rejected the request'],
  ['4', 'the API was not reachable or unavailable, for a minute by default'],
  ['5', 'an alert was not final within the time limit'],
  ['130', 'interrupted by Ctrl-C'],
];

/** Returns the help of the program. */
export function programHelp(commands: Record<string, Command>): string {
  const list = Object.entries(commands).map(([name, { summary }]): [string, string] => [name, summary]);
  return [
    'Usage: video-alerts COMMAND [options]',
    `Commands:\n${columns(list)}`,
    `Options of every command:\n${columns(GLOBAL)}`,
    `Exit codes:\n${columns(EXIT_CODES)}`,
    'Examples of a command: video-alerts COMMAND --help\n',
  ].join('\n\n');
}

/** Returns the help of one command. */
export function commandHelp(name: string, { usage, summary, help, examples }: Command): string {
  return [
    `Usage: video-alerts ${name} ${usage}${usage === '' ? '' : ' '}[options]`,
    `${summary}.`,
    `Options:\n${columns([...help, ...GLOBAL])}`,
    `Examples:\n${examples.map((example) => `  ${example}\n`).join('')}`,
  ].join('\n\n');
}

function columns(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join('\n');
}
