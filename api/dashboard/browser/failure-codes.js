import { SETTINGS } from './settings.js';

/** What each failure code means and how to fix it. @type {Record<import('./requests.js').FailureCode, { meaning: string, action: string }>} */
export const FAILURE_CODES = SETTINGS.failureCodes;
