import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { backoffMs, jobId, jobSchema, LONGEST_DELAY_MS, queueFields, retryDelayMs } from '../contract.ts';

describe('the delay before the next delivery', () => {
  const longest = () => 0;
  const shortest = () => 1;

  it('doubles from 1 s to 10 s and stays there', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 1_000].map((deliveries) => backoffMs(deliveries, longest));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]);
  });

  it('is up to a quarter shorter at random', () => {
    expect([1, 2, 6].map((deliveries) => backoffMs(deliveries, shortest))).toEqual([750, 1_500, 7_500]);
    const samples = Array.from({ length: 50 }, () => backoffMs(6));
    expect(new Set(samples).size).toBeGreaterThan(1);
    expect(samples.every((ms) => ms >= 7_500 && ms <= 10_000)).toBe(true);
  });

  it('doubles up to ten minutes after attempts that the video server let fail', () => {
    const delays = [0, 1, 2, 3, 9, 10, 11, 12, 1_000].map((attempts) => retryDelayMs(attempts, 0, longest) / 1_000);
    expect(delays).toEqual([1, 1, 2, 4, 256, 512, 600, 600, 600]);
    expect(retryDelayMs(12, 0, shortest)).toBe(450_000);
  });

  it('is then at least what the video server requested, up to an hour, and never counts as lost', () => {
    expect(retryDelayMs(1, 90_000, longest)).toBe(90_000);
    expect(retryDelayMs(12, 500, longest)).toBe(600_000);
    expect(retryDelayMs(1, 24 * 3_600_000, longest)).toBe(3_600_000);
    expect(LONGEST_DELAY_MS).toBeGreaterThan(3_600_000);
  });
});

describe('a job', () => {
  const job = { uuid: randomUUID(), requestId: 'r' };

  it('has a uuid, a request id and a store; other fields are ignored', () => {
    expect(jobSchema.parse(job)).toEqual(job);
    expect(jobSchema.parse({ ...job, store: 's' })).toEqual({ ...job, store: 's' });
    expect(jobSchema.parse({ ...job, video: '/a.mp4' })).toEqual(job);
    expect(jobSchema.safeParse({ ...job, uuid: 'no' }).success).toBe(false);
    expect(jobSchema.safeParse({ ...job, requestId: '' }).success).toBe(false);
    expect(jobSchema.safeParse({ ...job, requestId: 'r'.repeat(129) }).success).toBe(false);
    expect(jobSchema.safeParse({ uuid: job.uuid }).success).toBe(false);
  });

  it('has the uuid of its alert as id, in characters that BullMQ allows', () => {
    expect(jobId(job.uuid)).toBe(job.uuid);
    expect(jobId(job.uuid)).not.toContain(':');
  });
});

describe('QUEUE_URL', () => {
  const parse = (QUEUE_URL?: string) => z.object(queueFields).safeParse({ QUEUE_URL });

  it.each([
    undefined,
    'redis://h',
    'rediss://u:p@h:6379/1',
    'redis+sentinel://a,b/alerts',
    'redis+cluster://a,b',
    'postgres://h/db',
    'postgresql://h/db',
  ])('may be %s', (url) => {
    expect(parse(url)).toMatchObject({ success: true, data: url === undefined ? {} : { QUEUE_URL: url } });
  });

  it('of sentinels needs the name of the primary', () => {
    const [issue] = parse('redis+sentinel://a,b').error?.issues ?? [];
    expect(issue?.message).toBe('needs the name of the primary after the hosts, as in …/mymaster');
  });

  it.each(['http://h', 'redis', 'mysql://h/db', 'xredis://h', 'redis+other://h'])('cannot be %s', (url) => {
    expect(parse(url).error?.issues.map((issue) => issue.message)).toEqual([
      'must be a URL of redis://, rediss://, redis+sentinel://, redis+cluster:// or postgres://',
    ]);
  });
});
