import { type CoreV1Api, PatchStrategy, setHeaderOptions, type V1PodStatus } from "@kubernetes/client-node";
import { isRefusal } from "./cluster-client.ts";
import type { PodIdentity } from "./pod-identity.ts";
import { retry } from "./retry.ts";

/** Writes what becomes of one pod to the API: its status, the newest only, and its removal. */
export type PodWriter = {
  set(status: V1PodStatus): void;
  /** Waits for the last status to be written, then deletes the object; a newer pod of the same name is left alone. */
  remove(): Promise<void>;
};

/** Nothing more is sent after the signal. */
export function createPodWriter(
  core: CoreV1Api,
  pod: PodIdentity,
  log: (message: string) => void,
  signal: AbortSignal,
): PodWriter {
  const { name, namespace, uid } = pod;
  let wanted: string | undefined;
  let written: string | undefined;
  let writing: Promise<void> | undefined;

  const failed = (error: unknown) => log(`pod ${namespace}/${name}: ${error instanceof Error ? error.message : error}`);

  async function writeAll(): Promise<void> {
    while (wanted !== written && !signal.aborted) await retry(writeNewest, signal, failed);
  }

  async function writeNewest(): Promise<void> {
    const text = wanted;
    if (text === undefined) return;
    try {
      const body: unknown = JSON.parse(text);
      const options = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
      await core.patchNamespacedPodStatus({ name, namespace, body }, options);
    } catch (error) {
      if (!isRefusal(error, 404)) throw error;
    }
    written = text;
  }

  return {
    set(status) {
      wanted = JSON.stringify({ metadata: { uid }, status: withoutLeftovers(status) });
      writing ??= writeAll().finally(() => {
        writing = undefined;
      });
    },
    async remove() {
      await writing;
      const body = { gracePeriodSeconds: 0, preconditions: { uid } };
      const deletion = async () => {
        try {
          await core.deleteNamespacedPod({ name, namespace, body });
        } catch (error) {
          if (!isRefusal(error, 404) && !isRefusal(error, 409)) throw error;
        }
      };
      await retry(deletion, signal, failed);
    },
  };
}

/**
 * Conditions are merged by type: what a condition no longer says has to be taken away by name. Addresses are merged by
 * address: those that a former kubelet gave a pod would stay.
 */
function withoutLeftovers(status: V1PodStatus) {
  const conditions = status.conditions?.map((condition) => ({ reason: null, message: null, ...condition }));
  const only = <T>(list: readonly T[] | undefined) => list && [...list, { $patch: "replace" }];
  return { ...status, conditions, podIPs: only(status.podIPs), hostIPs: only(status.hostIPs) };
}
