import { PROBLEMS, type ProblemName } from '../http/problem.ts';

export function isProblemName(name: string): name is ProblemName {
  return Object.hasOwn(PROBLEMS, name);
}

/** Returns the text to which the `type` of a problem refers. */
export function problemPage(name: ProblemName): string {
  const [status, title, advice] = PROBLEMS[name];
  return `${status} ${title}\n\n${advice}\n`;
}
