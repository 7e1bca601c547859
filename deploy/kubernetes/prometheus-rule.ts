// Writes overlays/production/prometheus-rule.yaml: `node deploy/kubernetes/prometheus-rule.ts`.
import { readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';

const RULES = new URL('../../observability/prometheus/rules.yml', import.meta.url);
const TARGET = new URL('overlays/production/prometheus-rule.yaml', import.meta.url);

/** They would fire whenever the autoscalers remove a replica. */
const NOT_WITH_AUTOSCALING = ['FewerReplicas'];

/** Metrics that other programs of a cluster have, too. */
const OF_EVERY_PROGRAM = /\b(up|nodejs_eventloop_delay_seconds)\b(\{)?/g;
const OWN = 'namespace="video-alerts"';

type RuleFile = { groups: { name: string; rules: { alert: string; expr: string }[] }[] };

/** Returns the alerting rules of Prometheus as an object of the Prometheus Operator, in YAML. */
export function prometheusRule(rules: string): string {
  const { groups } = parse(rules) as RuleFile; // promtool checks the file
  const inCluster = groups.map((group) => ({
    ...group,
    rules: group.rules
      .filter(({ alert }) => !NOT_WITH_AUTOSCALING.includes(alert))
      .map((rule) => ({ ...rule, expr: ofOwnPods(rule.expr) })),
  }));
  const object = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'alerts' },
    spec: { groups: inCluster },
  };
  const comment =
    '# Made by deploy/kubernetes/prometheus-rule.ts from observability/prometheus/rules.yml. Do not edit.\n';
  return comment + stringify(object, { lineWidth: 0 });
}

function ofOwnPods(expression: string): string {
  return expression.replace(OF_EVERY_PROGRAM, (_all, metric: string, brace?: string) =>
    brace === undefined ? `${metric}{${OWN}}` : `${metric}{${OWN},`,
  );
}

if (import.meta.main) writeFileSync(TARGET, prometheusRule(readFileSync(RULES, 'utf8')));
