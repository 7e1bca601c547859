import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A pipe for the output of a child process. It can be blocked, as by a log collector that hangs. */
export type OutputPipe = {
  /** What the child writes to. The caller closes it once the child has it. */
  childFd: number;
  /** What the child wrote; ends with the child. */
  output: Socket;
  /** Fills the pipe and stops reading: the child's next write waits until `unblock`. */
  block(): Promise<void>;
  unblock(): void;
};

/** The largest write that a pipe takes as a whole or not at all. */
const ATOMIC_BYTES = 4_096;
/** Shorter than any line of output, so that no line fits into what remains. */
const SMALLEST_BYTES = 32;
/** Time for the stream to read once more. */
const READ_MS = 20;

/** Returns a new pipe. Node's own pipes to a child are sockets, which this process cannot fill. */
export function openOutputPipe(): OutputPipe {
  const folder = mkdtempSync(join(tmpdir(), 'output-pipe-'));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  // Opened for reading first: a writer would wait for a reader, and a reader without a writer would see the end.
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const childFd = openSync(path, constants.O_WRONLY);
  const output = new Socket({ fd: reader, readable: true, writable: false });
  output.on('close', () => rmSync(folder, { recursive: true, force: true }));
  return {
    childFd,
    output,
    async block() {
      output.pause();
      const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        // A paused stream reads on until its own buffer is full.
        while (fillAll(filler) > 0) await sleep(READ_MS);
      } finally {
        closeSync(filler); // the output ends only when no writer is left
      }
    },
    unblock: () => void output.resume(),
  };
}

/** Fills the pipe and returns the number of bytes written. */
function fillAll(fd: number): number {
  let written = 0;
  for (let bytes = ATOMIC_BYTES; bytes >= SMALLEST_BYTES; bytes /= 2) written += fill(fd, bytes);
  return written;
}

/** Writes blank lines of this length until the pipe has no space for another one. Returns the number of bytes written. */
function fill(fd: number, bytes: number): number {
  const line = `${' '.repeat(bytes - 1)}\n`;
  for (let written = 0; ; written += bytes) {
    try {
      writeSync(fd, line);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return written;
      throw error;
    }
  }
}
