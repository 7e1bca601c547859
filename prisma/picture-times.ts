/** Seconds after the result during which only the worker that has read the video makes its picture. */
export const HAND_OVER_S = 10;

/** Seconds that a message waits for the picture of its alert, if its destination waits. */
export const WAIT_S = 2;
