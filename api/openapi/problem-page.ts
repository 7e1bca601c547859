import { PROBLEMS, type ProblemName } from '../http/problem.ts';

export function isProblemName(name: string): name is ProblemName {
  return Object.hasOwn(PROBLEMS, name);
}

/** Problems whose status alone does not say whether the same request can succeed later. */
const RETRIES: Partial<Record<ProblemName, string>> = {
  'alert-processing': 'after Retry-After',
  'picture-not-available': 'while `status_now` is pending',
  'copy-not-available': 'while `status_now` is pending',
  'secrets-unavailable': 'after the operator has set the key',
  'links-unavailable': 'after the operator has set the key',
};

const RETRIES_BY_STATUS: Record<number, string> = {
  408: 'yes',
  429: 'after Retry-After',
  500: 'yes, with pauses',
  503: 'after Retry-After',
};

/** Returns whether sending the same request again can succeed, and when. */
export function retryAdvice(name: ProblemName): string {
  return RETRIES[name] ?? RETRIES_BY_STATUS[PROBLEMS[name][0]] ?? 'no';
}

/** Returns the text to which the `type` of a problem refers; docs/errors.md has the same of all problems. */
export function problemPage(name: ProblemName): string {
  const [status, title, advice] = PROBLEMS[name];
  return `${status} ${title}\n\n${advice}\n\nSend the same request again: ${retryAdvice(name)}.\n`;
}
