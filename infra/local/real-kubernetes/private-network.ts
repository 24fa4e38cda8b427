import { once } from "node:events";
import { createServer } from "node:net";

/** Addresses of pods in the private network; every one is local there. */
export const POD_NETWORK = "10.244.0.0/16";

/** Throws when this process does not run in the private network: pods would have no addresses. */
export async function requirePrivateNetwork(): Promise<void> {
  const probe = createServer().listen(0, "10.244.255.1");
  await once(probe, "listening").catch(() => {
    throw new Error(
      "Pods of the real control plane need a network of their own: run this with `npm run test:kubernetes`, " +
        "or behind `node infra/local/real-kubernetes/run.js`.",
    );
  });
  probe.close();
  await once(probe, "close");
}
