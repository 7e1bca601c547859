import type { FailureCode } from './generated/enums.ts';

/** What a failure code means, and what an operator should do. */
export type FailureAdvice = { meaning: string; action: string };

/** The only source of these sentences: OpenAPI and the operator's page use them, a test compares docs/errors.md. */
export const FAILURE_ADVICE: Record<FailureCode, FailureAdvice> = {
  video_not_found: {
    meaning: 'The video server has no file at this path (404, 410).',
    action: 'Check the path. Retry when the file exists.',
  },
  video_forbidden: {
    meaning: 'The video server denied access to the file (401, 403).',
    action: 'Allow the worker to read the file, then retry.',
  },
  video_server_error: {
    meaning: 'The video server returned an error (5xx, 429) or an invalid HTTP response.',
    action: 'Check the video server, then retry.',
  },
  video_server_unreachable: {
    meaning: 'The worker could not connect to the video server.',
    action: 'Start the video server or correct VIDEO_SERVER, then retry.',
  },
  video_timeout: {
    meaning: 'Connecting to the video server or reading the video took too long.',
    action: 'Check the network and the load, or raise FETCH_TIMEOUT_MS, then retry.',
  },
  video_too_large: {
    meaning: 'The worker reached its byte budget before it found the resolution.',
    action: 'Enable range requests on the video server or raise VIDEO_BYTE_BUDGET, then retry.',
  },
  video_unreadable: {
    meaning: 'The file is not a valid video, or it is damaged.',
    action: 'Replace the file, then retry.',
  },
  no_video_stream: {
    meaning: 'The file is readable but has no video stream.',
    action: 'Check the camera and replace the file, then retry.',
  },
  redirect_refused: {
    meaning: 'The video server redirected to another origin.',
    action: 'Set VIDEO_SERVER to that origin, then retry.',
  },
  worker_crashed: {
    meaning: 'The worker crashed on this video several times, or hit an internal error.',
    action: 'Keep the file and report the problem.',
  },
};

/** Returns the advice as a Markdown list, for OpenAPI. */
export function failureAdviceList(): string {
  return Object.entries(FAILURE_ADVICE)
    .map(([code, { meaning, action }]) => `- \`${code}\`: ${meaning} ${action}`)
    .join('\n');
}
