import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import type { NodeAddresses } from "./addresses.ts";
import type { FindLog } from "./kubelet-server.ts";
import { type Pod, type PodDeps, startPod } from "./pod.ts";
import { podIdentity } from "./pod-identity.ts";
import type { PodChanges } from "./pod-watch.ts";
import { createPodWriter } from "./pod-writer.ts";

/** Every pod of the node, kept in step with what the API says. */
export type PodSet = PodChanges & {
  readonly findLog: FindLog;
  /** Ends all processes; the API is told nothing. */
  stop(): Promise<void>;
};

type PodSetDeps = Omit<PodDeps, "podIP" | "hostIP"> & { readonly addresses: NodeAddresses };

export function createPodSet(deps: PodSetDeps): PodSet {
  const { addresses, log } = deps;
  const pods = new Map<string, Pod>();
  const endings = new Set<Promise<void>>();
  const stopping = new AbortController();

  function track(ending: Promise<void>): void {
    const settled = ending.catch((error: unknown) => log(`pod: ${error instanceof Error ? error.stack : error}`));
    endings.add(settled);
    void settled.then(() => endings.delete(settled));
  }

  function add(pod: V1Pod): void {
    const phase = pod.status?.phase;
    if (pod.metadata?.deletionTimestamp) {
      // It was over already, or was left by an earlier kubelet: there are no processes to end.
      track(createPodWriter(deps.core, podIdentity(pod), log, stopping.signal).remove());
      return;
    }
    if (phase === "Succeeded" || phase === "Failed") return;
    const { uid } = podIdentity(pod);
    const podIP = addresses.take();
    const directory = join(deps.directory, uid);
    pods.set(
      keyOf(pod),
      startPod(pod, { ...deps, directory, podIP, hostIP: addresses.nodeIP }, () => addresses.release(podIP)),
    );
  }

  function drop(key: string, pod: Pod): void {
    pods.delete(key);
    track(pod.kill());
  }

  function changed(pod: V1Pod): void {
    const key = keyOf(pod);
    const known = pods.get(key);
    if (known && known.uid !== podIdentity(pod).uid) drop(key, known);
    const current = pods.get(key);
    if (!current) add(pod);
    else if (pod.metadata?.deletionTimestamp) {
      const { deletionGracePeriodSeconds } = pod.metadata;
      track(current.terminate(deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30));
    }
  }

  return {
    changed,
    deleted(pod) {
      const known = pods.get(keyOf(pod));
      if (known?.uid === podIdentity(pod).uid) drop(keyOf(pod), known);
    },
    listed(list) {
      const uids = new Set(list.map((pod) => podIdentity(pod).uid));
      for (const [key, pod] of pods) if (!uids.has(pod.uid)) drop(key, pod);
      list.forEach(changed);
    },
    findLog: (namespace, pod, container, isPrevious) => pods.get(`${namespace}/${pod}`)?.log(container, isPrevious),
    async stop() {
      stopping.abort();
      for (const [key, pod] of pods) drop(key, pod);
      await Promise.all(endings);
    },
  };
}

function keyOf(pod: V1Pod): string {
  const { namespace, name } = podIdentity(pod);
  return `${namespace}/${name}`;
}
