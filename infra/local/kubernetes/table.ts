import { objectsAt } from "./defaults.ts";
import { type Json, type JsonObject, objectAt } from "./json.ts";
import type { Condition, CoreEvent, Endpoints, KubeObject, LabelSelector, Node, Pod, Service } from "./objects.ts";
import type { Resource } from "./resources.ts";
import { formatSelector } from "./selectors.ts";
import { age } from "./time.ts";

/** One column: its heading and what stands in it; `wide` ones only with `-o wide`. */
interface Column {
  name: string;
  wide?: true;
  cell(object: KubeObject): Json;
}

const name: Column = { name: "Name", cell: ({ metadata }) => metadata.name };
const since: Column = { name: "Age", cell: ({ metadata }) => age(metadata.creationTimestamp) };
const column = (heading: string, cell: Column["cell"]): Column => ({ name: heading, cell });
const wide = (heading: string, cell: Column["cell"]): Column => ({ name: heading, wide: true, cell });

const count =
  (path: "spec" | "status", field: string) =>
  (object: KubeObject): Json =>
    objectAt(object, path)[field] ?? 0;
const text =
  (path: string, field: string) =>
  (object: KubeObject): Json =>
    objectAt(object, path)[field] ?? "<none>";
const size =
  (...fields: string[]) =>
  (object: KubeObject): Json =>
    fields.reduce((sum, field) => sum + Object.keys(objectAt(object, field)).length, 0);

const containers = (object: KubeObject): JsonObject[] =>
  objectsAt(objectAt(objectAt(objectAt(object, "spec"), "template"), "spec"), "containers");
// The casts below hold because a table is looked up by its kind, and objects fit the schema of their kind.
const ofTemplate: Column[] = [
  wide("Containers", (object) =>
    containers(object)
      .map((one) => one["name"])
      .join(","),
  ),
  wide("Images", (object) =>
    containers(object)
      .map((one) => one["image"])
      .join(","),
  ),
  wide("Selector", (object) => formatSelector(objectAt(objectAt(object, "spec"), "selector") as LabelSelector)),
];

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  deployments: [
    name,
    column("Ready", (object) => `${count("status", "readyReplicas")(object)}/${count("spec", "replicas")(object)}`),
    column("Up-to-date", count("status", "updatedReplicas")),
    column("Available", count("status", "availableReplicas")),
    since,
    ...ofTemplate,
  ],
  replicasets: [
    name,
    column("Desired", count("spec", "replicas")),
    column("Current", count("status", "replicas")),
    column("Ready", count("status", "readyReplicas")),
    since,
    ...ofTemplate,
  ],
  pods: [
    name,
    column("Ready", typed<Pod>(podReady)),
    column("Status", typed<Pod>(podStatus)),
    column("Restarts", typed<Pod>(podRestarts)),
    since,
    wide("IP", text("status", "podIP")),
    wide("Node", text("spec", "nodeName")),
  ],
  services: [
    name,
    column("Type", text("spec", "type")),
    column("Cluster-IP", text("spec", "clusterIP")),
    column("External-IP", () => "<none>"),
    column("Port(s)", typed<Service>(servicePorts)),
    since,
    wide("Selector", (object) =>
      formatSelector({ matchLabels: objectAt(objectAt(object, "spec"), "selector") as Record<string, string> }),
    ),
  ],
  nodes: [
    name,
    column("Status", typed<Node>(nodeStatus)),
    column("Roles", () => "<none>"),
    since,
    column("Version", (object) => objectAt(objectAt(object, "status"), "nodeInfo")["kubeletVersion"] ?? ""),
  ],
  namespaces: [name, column("Status", text("status", "phase")), since],
  configmaps: [name, column("Data", size("data", "binaryData")), since],
  secrets: [name, column("Type", (object) => object["type"] ?? "Opaque"), column("Data", size("data")), since],
  serviceaccounts: [name, column("Secrets", size("secrets")), since],
  endpoints: [name, column("Endpoints", typed<Endpoints>(endpointList)), since],
  horizontalpodautoscalers: [
    name,
    column("Reference", (object) => {
      const target = objectAt(objectAt(object, "spec"), "scaleTargetRef");
      return `${target["kind"]}/${target["name"]}`;
    }),
    column("MinPods", count("spec", "minReplicas")),
    column("MaxPods", count("spec", "maxReplicas")),
    column("Replicas", count("status", "currentReplicas")),
    since,
  ],
  events: [
    column("Last Seen", (object) => age(String(object["lastTimestamp"] ?? object.metadata.creationTimestamp))),
    column("Type", (object) => object["type"] ?? ""),
    column("Reason", (object) => object["reason"] ?? ""),
    column(
      "Object",
      typed<CoreEvent>(
        ({ involvedObject }) => `${String(involvedObject["kind"]).toLowerCase()}/${involvedObject["name"]}`,
      ),
    ),
    column("Message", (object) => object["message"] ?? ""),
  ],
};

/** Cells of a kind whose shape is known: the table is looked up by that kind. */
function typed<T extends KubeObject>(cell: (object: T) => Json): Column["cell"] {
  return (object) => cell(object as T);
}

function podReady({ spec, status }: Pod): string {
  const ready = (status?.containerStatuses ?? []).filter((container) => container.ready).length;
  return `${ready}/${spec.containers.length}`;
}

function podStatus({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  const reasons = (status?.containerStatuses ?? []).flatMap(({ state }) => {
    const { reason } = { ...objectAt(state ?? {}, "terminated"), ...objectAt(state ?? {}, "waiting") };
    return reason === undefined ? [] : [String(reason)];
  });
  return reasons[0] ?? status?.reason ?? status?.phase ?? "Unknown";
}

function podRestarts({ status }: Pod): string {
  return String((status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0));
}

function servicePorts({ spec: { ports = [] } }: Service): string {
  return ports
    .map(({ port, nodePort, protocol = "TCP" }) => `${port}${nodePort === undefined ? "" : `:${nodePort}`}/${protocol}`)
    .join(",");
}

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }: Condition) => type === "Ready")?.status === "True";
  return `${ready ? "Ready" : "NotReady"}${spec.unschedulable === true ? ",SchedulingDisabled" : ""}`;
}

function endpointList({ subsets = [] }: Endpoints): string {
  const list = subsets.flatMap(({ addresses = [], ports = [] }) =>
    addresses.flatMap(({ ip }) => ports.map(({ port }) => `${ip}:${port}`)),
  );
  return list.length === 0 ? "<none>" : list.join(",");
}

/** True when the client would rather have a Table. */
export function wantsTable(accept: string | undefined): boolean {
  return accept?.includes("as=Table") === true && accept.includes("g=meta.k8s.io");
}

/** Objects as the `Table` that kubectl prints. */
export function renderTable(
  resource: Resource,
  objects: readonly KubeObject[],
  metadata: JsonObject,
  includeObject: string | null,
): JsonObject {
  const columns = COLUMNS[resource.plural] ?? [name, since];
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: columns.map((one) => ({
      name: one.name,
      type: "string",
      format: one.name === "Name" ? "name" : "",
      description: "",
      priority: one.wide === true ? 1 : 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object)),
      object: shown(object, includeObject),
    })),
  };
}

function shown(object: KubeObject, include: string | null): Json {
  if (include === "None") return null;
  if (include === "Object") return object;
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}
