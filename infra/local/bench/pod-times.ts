import { KubeConfig, Watch } from "@kubernetes/client-node";
import { z } from "zod";

/** When pods came and became ready, to the millisecond: the API's own times are whole seconds. */
export interface PodTimes {
  /** From the first pod that was created since `at` until the last of them was ready, in milliseconds. */
  rolloutSince(at: number): number;
  stop(): void;
}

const pod = z.object({
  metadata: z.object({ name: z.string() }),
  status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) }).optional(),
});

/** Watches the pods of a namespace. */
export async function watchPods(
  kubeconfig: string,
  namespace: string,
  now: () => number = Date.now,
): Promise<PodTimes> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const pods = new Map<string, { createdAt: number; readyAt: number | undefined }>();
  let broken: unknown;
  const see = (value: unknown) => {
    const { metadata, status } = pod.parse(value);
    const known = pods.get(metadata.name) ?? { createdAt: now(), readyAt: undefined };
    const ready = status?.conditions.some((one) => one.type === "Ready" && one.status === "True") === true;
    pods.set(metadata.name, { ...known, readyAt: known.readyAt ?? (ready ? now() : undefined) });
  };
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const watch = await new Watch(config).watch(
    path,
    {},
    (phase, value) => {
      if (phase === "ADDED" || phase === "MODIFIED") see(value);
    },
    (error) => {
      broken = error;
    },
  );
  return {
    rolloutSince(at) {
      if (broken !== undefined && broken !== null) throw new Error("The watch on the pods broke.", { cause: broken });
      const fresh = [...pods.values()].filter(({ createdAt }) => createdAt >= at);
      const ready = fresh.flatMap(({ readyAt }) => (readyAt === undefined ? [] : [readyAt]));
      if (ready.length === 0) throw new Error("No pod became ready.");
      return Math.max(...ready) - Math.min(...fresh.map(({ createdAt }) => createdAt));
    },
    stop: () => watch.abort(),
  };
}
