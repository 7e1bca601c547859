import type { Attack } from '../attack.ts';
import { exchange } from '../sockets.ts';

const PATHS = [
  '/videos/link.mp4',
  '/%76ideos/link.mp4',
  '/%76ideos/os/a.mp4',
  '/videos/os/passwd',
  '/videos/%2e%2e/link.mp4',
  '/videos/..%2flink.mp4',
];

export const attack: Attack = {
  item: 8,
  name: 'symbolic links by encoded paths',
  limit: 'no links below the folder of videos; the checked path is the served one',
  async run({ videos }) {
    const leaked: string[] = [];
    for (const path of PATHS) {
      const response = await exchange(videos, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      if (!/^HTTP\/1\.1 40[04] /.test(response)) leaked.push(path);
    }
    const observed = leaked.length === 0 ? `${PATHS.length} paths rejected` : `served: ${leaked.join(', ')}`;
    return { defended: leaked.length === 0, observed };
  },
};
