// Preloaded into a daemon under test (node --import): SIGUSR2 blocks its event loop for good, as an
// endless loop in its code would.
process.on('SIGUSR2', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
