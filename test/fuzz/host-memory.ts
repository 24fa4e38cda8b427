// Loaded before the host: tells the test what is left after everything unreachable is gone.
process.on("message", () => {
  for (let round = 0; round < 3; round++) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({ heapUsed, external, rss });
});
process.channel?.unref();
