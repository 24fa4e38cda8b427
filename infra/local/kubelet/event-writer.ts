import { randomBytes } from "node:crypto";
import { type CoreV1Api, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import type { EventWriter } from "./container.ts";
import type { PodIdentity } from "./pod-identity.ts";

/** Events of one pod, until the signal; a repeated one raises the count of the first. An event that cannot be written is only logged. */
export function createEventWriter(
  core: CoreV1Api,
  pod: PodIdentity,
  nodeName: string,
  log: (message: string) => void,
  signal: AbortSignal,
): EventWriter {
  const { name, namespace, uid } = pod;
  const seen = new Map<string, { eventName: string; count: number }>();
  let queue: Promise<unknown> = Promise.resolve();

  async function write(type: string, reason: string, message: string, at: Date): Promise<void> {
    const key = `${reason} ${message}`;
    const known = seen.get(key);
    if (known) {
      known.count += 1;
      const body = { count: known.count, lastTimestamp: at };
      const options = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
      await core.patchNamespacedEvent({ name: known.eventName, namespace, body }, options);
      return;
    }
    const eventName = `${name}.${randomBytes(8).toString("hex")}`;
    const involvedObject = { apiVersion: "v1", kind: "Pod", name, namespace, uid };
    const times = { firstTimestamp: at, lastTimestamp: at, count: 1 };
    const source = { component: "kubelet", host: nodeName };
    const body = { metadata: { name: eventName, namespace }, involvedObject, type, reason, message, source, ...times };
    await core.createNamespacedEvent({ namespace, body });
    seen.set(key, { eventName, count: 1 });
  }

  return (type, reason, message) => {
    const at = new Date();
    queue = queue
      .then(() => (signal.aborted ? undefined : write(type, reason, message, at)))
      .catch((error: unknown) => log(`event ${reason} of ${namespace}/${name}: ${error}`));
  };
}
