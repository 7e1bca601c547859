import { findTestProgram } from './system-packages.ts';

/** Vitest's global setup: finds or installs ffmpeg once, before tests that use it start at the same time. */
export async function setup(): Promise<void> {
  await findTestProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, process.env);
}
