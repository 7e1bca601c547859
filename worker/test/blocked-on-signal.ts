/** Preloaded into a worker process: blocks its event loop for ever on SIGWINCH, as an endless loop in a parser would. */
process.on('SIGWINCH', () => {
  for (;;);
});
