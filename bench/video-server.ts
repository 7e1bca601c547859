import type { Service } from '#test/harness/service.ts';
import type { Stack } from '#test/harness/stack.ts';

/** What the video server counted itself. `connections`: on how many connections it got requests. */
export type { Served } from '#test/harness/nginx-video-server.ts';

export type VideoServer = {
  kind: 'nginx' | 'local/file-server.ts';
  origin: string;
  service: Service | undefined;
  /** Since the last call; undefined: this server does not count. */
  served: Stack['served'];
};
