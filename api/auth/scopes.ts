/**
 * `write`: post alerts. `read`: read alerts, destinations and deliveries. `operate`: retry and triage alerts. `manage`: change
 * destinations and mutes, retry deliveries, hold and delete alerts, administer keys, read the audit log. `metrics`: GET /metrics.
 */
export const SCOPES = ['write', 'read', 'operate', 'manage', 'metrics'] as const;
export type Scope = (typeof SCOPES)[number];
