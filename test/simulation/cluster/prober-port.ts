import type { KubernetesObject } from "../../../shared/domain/release.ts";
import type { ProbeAnswer } from "../../../shared/domain/verification.ts";
import type { Prober } from "../../../shared/ports/cluster.ts";
import { pick, type Random } from "./chance.ts";
import { hasLabels } from "./deployment-spec.ts";
import type { Pods } from "./pods.ts";
import type { Store } from "./store.ts";
import type { Pod } from "./workload.ts";

export interface ProberDependencies {
  store: Store;
  pods: Pods;
  random: Random;
  /** Plays what was due before a call. */
  play(): void;
}

const LATENCY_MS = 2;

/** The way to the pods of one namespace through the API server. */
export function createProberPort({ store, pods, random, play }: ProberDependencies, namespace: string): Prober {
  return {
    getPod: async (name, port) => {
      play();
      const pod = pods.in(namespace).get(name);
      if (pod === undefined) return notReached(`pods "${name}" not found`);
      if (pod.state !== "running" || !listens(pod, port)) return notReached("connection refused");
      return answer(healthOf(pod), "");
    },
    postService: async ({ name, port }, _path, body) => {
      play();
      const service = store.find(namespace, { apiVersion: "v1", kind: "Service", metadata: { name } })?.live;
      if (service === undefined) return notReached(`services "${name}" not found`);
      if (!hasPort(service, port)) return notReached(`no service port "${port}" found for service "${name}"`);
      const pod = pick(random, endpoints(service, pods.in(namespace)));
      if (pod === undefined) return notReached(`no endpoints available for service "${name}"`);
      return predict(pod, body);
    },
  };
}

interface ServiceSpec {
  selector?: Readonly<Record<string, string>>;
  ports?: readonly { name?: string; port: number }[];
}

const specOf = (service: KubernetesObject): ServiceSpec => (service["spec"] ?? {}) as ServiceSpec;

/** The pods that a Service's traffic goes to now; without a selector there are none. */
export function endpoints(service: KubernetesObject, pods: ReadonlyMap<string, Pod>): readonly Pod[] {
  const { selector } = specOf(service);
  if (selector === undefined) return [];
  const found: Pod[] = [];
  for (const pod of pods.values()) if (pod.serving && hasLabels(pod.template.labels, selector)) found.push(pod);
  return found;
}

function hasPort(service: KubernetesObject, wanted: string): boolean {
  return (specOf(service).ports ?? []).some(({ name, port }) => name === wanted || String(port) === wanted);
}

const listens = ({ template: { ports } }: Pod, port: number): boolean => ports.length === 0 || ports.includes(port);

function healthOf({ behaviour, ready, sick }: Pod): number {
  if (sick || !ready) return 503;
  return behaviour === "unhealthy" ? 500 : 200;
}

function predict({ behaviour, sick }: Pod, body: unknown): ProbeAnswer {
  if (sick) return answer(503, "");
  const value = behaviour === "wrong" ? "NaN" : "0.5";
  return answer(200, `{"predictions": [${new Array(countRows(body)).fill(value).join(", ")}]}`);
}

/** As many predictions as the request has rows, in MLflow's forms of a request. */
function countRows(body: unknown): number {
  const { instances, inputs, dataframe_records: records, dataframe_split: split } = (body ?? {}) as RequestBody;
  const rows = [instances, inputs, records, split?.data].find(Array.isArray);
  return rows === undefined ? 1 : rows.length;
}

interface RequestBody {
  instances?: unknown;
  inputs?: unknown;
  dataframe_records?: unknown;
  dataframe_split?: { data?: unknown };
}

const answer = (status: number, body: string): ProbeAnswer => ({
  kind: "answer",
  status,
  body,
  latencyMs: LATENCY_MS,
});

const notReached = (reason: string): ProbeAnswer => ({
  kind: "no-answer",
  reason: `was not reached: ${reason}`,
  latencyMs: LATENCY_MS,
});
