import { type V1Pod, Watch } from "@kubernetes/client-node";
import type { ClusterClient } from "./cluster-client.ts";
import { pause } from "./container-probes.ts";
import { retry } from "./retry.ts";

export type PodChanges = {
  /** All pods of the node; what is not among them is gone. */
  listed(pods: readonly V1Pod[]): void;
  changed(pod: V1Pod): void;
  deleted(pod: V1Pod): void;
};

type Options = {
  readonly client: ClusterClient;
  readonly nodeName: string;
  readonly changes: PodChanges;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
};

/** A server that ends watches at once is not asked more often than this. */
const SHORTEST_ROUND_MS = 1000;

/** Follows the pods bound to a node until the signal: a list, then watches, and a new list after every failure, 410 among them. */
export async function watchPods(options: Options): Promise<void> {
  const { signal, log } = options;
  const fieldSelector = `spec.nodeName=${options.nodeName}`;
  let version: string | undefined;
  const round = async () => {
    const begun = Date.now();
    try {
      version ??= await listOnce(options, fieldSelector);
      version = await watchOnce(options, fieldSelector, version);
    } catch (error) {
      version = undefined;
      throw error;
    }
    await pause(begun + SHORTEST_ROUND_MS - Date.now(), signal);
  };
  while (!signal.aborted) {
    await retry(round, signal, (error) => log(`pods: ${error instanceof Error ? error.message : error}`));
  }
}

async function listOnce({ client, changes }: Options, fieldSelector: string): Promise<string> {
  const list = await client.core.listPodForAllNamespaces({ fieldSelector });
  changes.listed(list.items);
  return list.metadata?.resourceVersion ?? "";
}

/** Watches from a version until the connection ends; resolves with the last version seen, rejects when the server refuses. */
async function watchOnce(
  { client, changes, signal, log }: Options,
  fieldSelector: string,
  from: string,
): Promise<string> {
  let version = from;
  let refusal: Error | undefined;
  const over = Promise.withResolvers<unknown>();
  const event = (type: string, object: V1Pod & { message?: string }) => {
    try {
      if (type === "ERROR") refusal = new Error(object.message ?? "the server ended the watch");
      else tell(changes, type, object);
    } catch (error) {
      // The client library drops what its callback throws.
      log(`pods: ${error instanceof Error ? error.stack : error}`);
    }
    version = object.metadata?.resourceVersion ?? version;
  };
  const query = { fieldSelector, resourceVersion: from, allowWatchBookmarks: true };
  const controller = await new Watch(client.config).watch("/api/v1/pods", query, event, over.resolve);
  const abort = () => controller.abort();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  const error = await over.promise;
  signal.removeEventListener("abort", abort);
  if (refusal) throw refusal;
  const isQuiet = error instanceof Error && error.name === "TimeoutError";
  if (error && !isQuiet && !signal.aborted) throw error;
  return version;
}

function tell(changes: PodChanges, type: string, pod: V1Pod): void {
  if (type === "DELETED") changes.deleted(pod);
  else if (type !== "BOOKMARK") changes.changed(pod);
}
