import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { consoleNotifier } from '../notify/console.ts';
import type { Notification } from '../notify/notifier.ts';

const notification: Notification = {
  uuid: '35df2857-3a48-4985-aed0-e68b5ae4c968',
  store: 'test-store',
  timestamp: 1748871280.6882,
  receivedAt: new Date('2025-06-02T13:34:41.25Z'),
  outcome: { resolution: '1280x720' },
};

async function printed(changes: Partial<Notification>, timeZone = 'UTC'): Promise<string> {
  const out = new PassThrough({ encoding: 'utf8' });
  await consoleNotifier(out, timeZone).notify({ ...notification, ...changes });
  return out.read();
}

describe('the console notifier', () => {
  it('prints the documented line, with the time in UTC', async () => {
    expect(await printed({})).toBe(
      '[Notification] Store: test-store | Date: 2025-06-02 13:34:40 | Resolution: 1280x720\n',
    );
  });

  it('prints the time in the configured time zone', async () => {
    expect(await printed({}, 'America/New_York')).toContain('| Date: 2025-06-02 09:34:40 |');
    expect(await printed({ timestamp: 0 }, 'Asia/Tokyo')).toContain('| Date: 1970-01-01 09:00:00 |');
  });

  it('prints the reason of a failure instead of the resolution', async () => {
    expect(await printed({ outcome: { failure: 'video_unreadable', detail: 'the file is empty' } })).toBe(
      '[Notification] Store: test-store | Date: 2025-06-02 13:34:40 | Failed: video_unreadable (the file is empty)\n',
    );
  });

  it('prints one JSON object per line on request', async () => {
    const out = new PassThrough({ encoding: 'utf8' });
    const { notify } = consoleNotifier(out, 'UTC', 'json');
    const hostile = 'a\n\u001b[2J\u009b\u202e\u2028"';
    await notify({ ...notification, store: hostile });
    await notify({ ...notification, outcome: { failure: 'video_unreadable', detail: 'empty' } });
    const text: string = out.read();
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    const { uuid, timestamp } = notification;
    const times = {
      timestamp,
      date: '2025-06-02T13:34:40.688Z',
      received_at: '2025-06-02T13:34:41.250Z',
      notified_at: expect.stringMatching(/Z$/),
    };
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { uuid, store: hostile, ...times, status: 'processed', resolution: '1280x720', failure: null },
      {
        ...{ uuid, store: 'test-store', ...times, status: 'failed', resolution: null },
        failure: { code: 'video_unreadable', detail: 'empty' },
      },
    ]);
  });

  it('replaces characters that move the cursor, end the line or change the text direction', async () => {
    const line = await printed({
      store: 'a\u001b[2Jb\r\nc\u009bd\u202ee\u2028f',
      outcome: { failure: 'video_unreadable', detail: '\u0007\u007f' },
    });
    expect(line).toMatch(/^[^\p{Cc}\u2028\u202e]+\n$/u);
    expect(line).toContain('Store: a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f |');
  });

  it('keeps letters of all scripts', async () => {
    expect(await printed({ store: 'Café Zoë 東京 👩‍🍳' })).toContain('Store: Café Zoë 東京 👩‍🍳 |');
  });

  it('prints concurrent notifications in order with one write, and resolves each of them', async () => {
    const written: string[] = [];
    const out = new Writable({
      write(chunk, _encoding, done) {
        written.push(String(chunk));
        done();
      },
    });
    const notifier = consoleNotifier(out, 'UTC');
    await Promise.all(['a', 'b', 'c'].map((store) => notifier.notify({ ...notification, store })));
    await notifier.notify({ ...notification, store: 'd' });
    const stores = written.map((text) => [...text.matchAll(/Store: (\w)/g)].map(([, store]) => store));
    expect(stores).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('resolves only when the line is written, and rejects if that fails', async () => {
    let finish: (error?: Error) => void = () => {};
    const out = new Writable({
      write(_chunk, _encoding, done) {
        finish = done;
      },
    });
    out.on('error', () => {});
    let resolved = false;
    const notified = consoleNotifier(out, 'UTC').notify(notification);
    notified.then(
      () => {
        resolved = true;
      },
      () => {},
    );
    await new Promise(setImmediate);
    expect(resolved).toBe(false);
    finish(new Error('the pipe is closed'));
    await expect(notified).rejects.toThrow('the pipe is closed');
  });
});
