// The autoscaler of workers, by its manifest: KEDA's triggers, and the formula of the HorizontalPodAutoscaler.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { FOLDER, ofKind, parseObjects } from './objects.ts';

type Policy = { type: 'Percent' | 'Pods'; value: number; periodSeconds: number };
type Rules = { stabilizationWindowSeconds: number; policies: Policy[] };
export type ScaledObject = {
  spec: {
    minReplicaCount: number;
    maxReplicaCount: number;
    pollingInterval: number;
    cooldownPeriod: number;
    advanced: { horizontalPodAutoscalerConfig: { behavior: { scaleUp: Rules; scaleDown: Rules } } };
    triggers: { name: string; type: string; metadata: { query: string; targetQueryValue: string } }[];
  };
};

const path = join(FOLDER, 'overlays/production/worker-scaling.yaml');
const scaledObject = ofKind<ScaledObject>(parseObjects(readFileSync(path, 'utf8')), 'ScaledObject').get('worker');
if (!scaledObject) throw new Error(`${path} has no ScaledObject`);
export const { spec } = scaledObject;

/** Returns the values of all triggers, by their names. */
export async function readTriggers(client: pg.Client): Promise<Record<string, number>> {
  const values: Record<string, number> = {};
  for (const { name, metadata } of spec.triggers) {
    const { rows } = await client.query<unknown[]>({ text: metadata.query, rowMode: 'array' });
    if (rows.length !== 1 || rows[0]?.length !== 1) throw new Error(`${name} does not return one value`);
    values[name] = Number(rows[0][0]);
  }
  return values;
}

/** The HPA changes nothing while the value differs from the target by at most this share. */
const TOLERANCE = 0.1;

type Change = { at: number; by: number };

/**
 * Returns a function that returns the number of workers at a time in seconds, for the values of the triggers. It must be called
 * with increasing times.
 */
export function createAutoscaler({ minReplicaCount: min, maxReplicaCount: max, ...settings } = spec) {
  const { scaleUp, scaleDown } = settings.advanced.horizontalPodAutoscalerConfig.behavior;
  const recommendations: { at: number; count: number }[] = [];
  const changes: Change[] = [];
  let current = min;
  let activeAt = Number.NEGATIVE_INFINITY;

  const recommended = (values: Record<string, number>) => {
    const counts = settings.triggers.map(({ name, metadata }) => {
      const needed = (values[name] ?? 0) / Number(metadata.targetQueryValue);
      return Math.abs(needed / current - 1) <= TOLERANCE ? current : Math.ceil(needed);
    });
    return Math.min(max, Math.max(min, 1, ...counts));
  };
  const changedWithin = (seconds: number, at: number, sign: 1 | -1) =>
    changes.reduce(
      (sum, change) => (change.at > at - seconds && Math.sign(change.by) === sign ? sum + change.by : sum),
      0,
    );
  const limits = (policies: Policy[], at: number, sign: 1 | -1) =>
    policies.map(({ type, value, periodSeconds }) => {
      const start = current - changedWithin(periodSeconds, at, sign);
      return type === 'Pods' ? start + sign * value : Math.ceil(start * (1 + (sign * value) / 100));
    });
  const horizontal = (values: Record<string, number>, at: number) => {
    recommendations.push({ at, count: recommended(values) });
    const within = (seconds: number) =>
      recommendations.filter((each) => each.at >= at - seconds).map(({ count }) => count);
    const up = Math.min(...within(scaleUp.stabilizationWindowSeconds));
    const down = Math.max(...within(scaleDown.stabilizationWindowSeconds));
    if (up > current) return Math.min(up, Math.max(current, ...limits(scaleUp.policies, at, 1)));
    if (down < current) return Math.max(down, Math.min(current, ...limits(scaleDown.policies, at, -1)));
    return current;
  };

  return (at: number, values: Record<string, number>): number => {
    const active = Object.values(values).some((value) => value > 0);
    if (active) activeAt = at;
    let next = current;
    if (current === 0) next = active ? 1 : 0;
    else if (min === 0 && at - activeAt > settings.cooldownPeriod) next = 0;
    else next = horizontal(values, at);
    if (next !== current) changes.push({ at, by: next - current });
    current = next;
    return next;
  };
}
