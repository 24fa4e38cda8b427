import type { Condition, Node, Pod } from "../objects.ts";
import { resources } from "../resources.ts";
import { hasLabels } from "../selectors.ts";
import { timestamp } from "../time.ts";
import { isActive } from "./pods.ts";
import { type ControllerContext, recordEvent, saveStatus } from "./recorder.ts";
import { createWorkQueue } from "./work-queue.ts";

const component = "default-scheduler";

/** Binds pods to ready, schedulable nodes in turn; looks at nodeSelector, not at resources, taints or affinity. */
export function startScheduler({ operations, failed }: ControllerContext): () => void {
  const { store } = operations;
  let turn = 0;
  const queue = createWorkQueue({ sync, failed: (error, key) => failed(component, error, key) });

  function sync(namespace: string, name: string): void {
    const pod = store.get(resources.pods, namespace, name);
    if (pod === undefined || !needsNode(pod)) return;
    const nodes = store.list(resources.nodes);
    const fitting = nodes.filter((node) => fits(pod, node));
    const node = fitting[turn % Math.max(1, fitting.length)];
    if (node === undefined) {
      reject(pod, nodes.length);
      return;
    }
    turn += 1;
    bindPod(pod, node.metadata.name);
  }

  function bindPod(pod: Pod, nodeName: string): void {
    const bound = operations.bind(pod, nodeName);
    const { namespace, name } = bound.metadata;
    const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
    recordEvent(operations, bound, { type: "Normal", reason: "Scheduled", message, component });
  }

  function reject(pod: Pod, count: number): void {
    const message = `0/${count} nodes are available: no node is ready, schedulable and has the labels asked for.`;
    const now = timestamp();
    const before = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    if (before?.message === message) return;
    const condition: Condition = {
      ...{ type: "PodScheduled", status: "False", reason: "Unschedulable", message },
      lastTransitionTime: before?.lastTransitionTime ?? now,
    };
    const others = (pod.status?.conditions ?? []).filter((other) => other !== before);
    const status = { ...pod.status, conditions: [...others, condition] };
    const told = saveStatus(operations, resources.pods, pod, status);
    recordEvent(operations, told, { type: "Warning", reason: "FailedScheduling", message, component });
  }

  const unsubscribe = store.subscribe(({ resource, object, type }) => {
    if (type === "DELETED") return;
    if (resource === resources.pods) queue.add(object.metadata.namespace, object.metadata.name);
    if (resource !== resources.nodes) return;
    for (const { metadata } of store.list(resources.pods).filter(needsNode))
      queue.add(metadata.namespace, metadata.name);
  });
  return () => {
    unsubscribe();
    queue.close();
  };
}

const needsNode = (pod: Pod): boolean =>
  pod.spec.nodeName === undefined && isActive(pod) && pod.spec.schedulerName === component;

function fits(pod: Pod, node: Node): boolean {
  const ready = node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  return (
    ready &&
    node.spec.unschedulable !== true &&
    node.metadata.deletionTimestamp === undefined &&
    hasLabels(pod.spec.nodeSelector ?? {}, node.metadata.labels)
  );
}
