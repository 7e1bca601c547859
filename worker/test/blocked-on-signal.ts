/** Preloaded into a worker process: blocks its event loop forever on SIGWINCH, as an endless loop in a parser would. */
process.on('SIGWINCH', () => {
  for (;;);
});
