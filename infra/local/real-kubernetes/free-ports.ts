import { once } from "node:events";
import { createServer } from "node:net";

/** Ports of 127.0.0.1 that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports: number[] = [];
  for (const probe of probes) {
    if (!probe.listening) await once(probe, "listening");
    const address = probe.address();
    ports.push(typeof address === "object" && address !== null ? address.port : 0);
  }
  for (const probe of probes) {
    probe.close();
    await once(probe, "close");
  }
  return ports;
}
