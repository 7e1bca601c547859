/** The values of AUDIT_READS: no read of an alert is recorded, one of 100, or all. */
export const READ_MODES = ['off', 'sampled', 'all'] as const;
