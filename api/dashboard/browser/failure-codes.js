/** What each failure code means, and what to do about it. @type {Record<string, { what: string, todo: string }>} */
export const FAILURE_CODES = {
  video_not_found: {
    what: 'The video server has no such file.',
    todo: 'Check the path. Once the file is there, retry.',
  },
  video_forbidden: {
    what: 'The video server refuses to give the file out.',
    todo: 'Let the worker in, then retry.',
  },
  video_server_error: {
    what: 'The video server answered with an error of its own, or not in HTTP.',
    todo: 'Look at the video server, then retry.',
  },
  video_server_unreachable: {
    what: 'The video server could not be reached.',
    todo: 'Start it, or correct VIDEO_SERVER, then retry.',
  },
  video_timeout: {
    what: 'Connecting, the next byte or reading the video took too long.',
    todo: 'Look at the network and the load, or raise FETCH_TIMEOUT_MS, then retry.',
  },
  video_too_large: {
    what: 'The byte budget was spent and the resolution still unknown.',
    todo: 'Let the video server answer ranges, or raise VIDEO_BYTE_BUDGET, then retry.',
  },
  video_unreadable: {
    what: 'The file is no video, or is damaged.',
    todo: 'Look at the file. Retry only once it was replaced.',
  },
  no_video_stream: {
    what: 'The file can be read and holds no picture.',
    todo: 'Look at the camera. Retry only once the file was replaced.',
  },
  redirect_refused: {
    what: 'The video server pointed to another origin.',
    todo: 'Name the real origin in VIDEO_SERVER, then retry.',
  },
  worker_crashed: {
    what: 'The worker died of this video again and again, or failed on it by a fault of its own.',
    todo: 'Keep the file and report it.',
  },
};
