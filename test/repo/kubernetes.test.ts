import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { prometheusRule } from '#deploy/kubernetes/prometheus-rule.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const overlay = (name: string, file: string) => read(`deploy/kubernetes/overlays/${name}/${file}`);

it('has the alerting rules of Prometheus in Kubernetes, too: node deploy/kubernetes/prometheus-rule.ts writes them', () => {
  const made = prometheusRule(read('observability/prometheus/rules.yml'));
  expect(overlay('production', 'prometheus-rule.yaml')).toBe(made);
});

it.each(['single', 'production'])('deploys this version on Kubernetes with the overlay %s', (name) => {
  const { version } = JSON.parse(read('package.json'));
  expect(overlay(name, 'kustomization.yaml')).toContain(`newTag: ${version} }`);
});
