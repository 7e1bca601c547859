import { expect, it } from 'vitest';
import { freePorts, reserveRange } from '../ports.ts';

it('gives two owners different ports, even if both try the same range first', async () => {
  const [one, other] = [await reserveRange(7), await reserveRange(7)];
  const taken = await Promise.all(Array.from({ length: 50 }, one.freePort));
  const others = await Promise.all(Array.from({ length: 50 }, other.freePort));
  const hundreds = (ports: (number | undefined)[]) => new Set(ports.map((port) => Math.floor(Number(port) / 100)));
  expect(hundreds(taken).size).toBe(1);
  expect(hundreds(others).size).toBe(1);
  expect(hundreds(taken)).not.toEqual(hundreds(others));
});

it('stays below the ports of outgoing connections, and never returns a port twice', async () => {
  const ports = await freePorts(40);
  expect(new Set(ports).size).toBe(40);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});

it('takes them from one range, one after another, and from the next one when none is left', async () => {
  const range = await reserveRange(11);
  const ports: number[] = [];
  for (let index = 0; index < 99; index += 1) {
    const port = await range.freePort();
    if (port !== undefined) ports.push(port);
  }
  expect(ports.length).toBeGreaterThan(90);
  expect(await range.freePort()).toBeUndefined();
  expect(new Set(ports.map((port) => Math.floor(port / 100))).size).toBe(1);
  const many = await freePorts(120);
  expect(new Set(many).size).toBe(120);
  expect(Math.max(...many)).toBeLessThan(32_000);
});
