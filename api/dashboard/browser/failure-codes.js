/** What each failure code means and how to fix it. @type {Record<import('./requests.js').FailureCode, { meaning: string, action: string }>} */
export const FAILURE_CODES = {
  video_not_found: {
    meaning: 'The video server has no file at this path.',
    action: 'Check the path. Retry when the file exists.',
  },
  video_forbidden: {
    meaning: 'The video server denied access to the file.',
    action: 'Grant the worker access, then retry.',
  },
  video_server_error: {
    meaning: 'The video server returned an error or an invalid HTTP response.',
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
    meaning: 'Not a valid video, or damaged.',
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
