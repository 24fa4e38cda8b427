import type { JsonObject } from "./json.ts";
import { allResources, groupVersion, type Resource } from "./resources.ts";

/** What this control plane says of itself. */
export const VERSION = {
  major: "1",
  minor: "32",
  gitVersion: "v1.32.0-local",
  platform: `${process.platform}/${process.arch}`,
};

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const SUBRESOURCES: Readonly<Record<string, { kind?: string; group?: string; version?: string; verbs: string[] }>> = {
  status: { verbs: ["get", "patch", "update"] },
  scale: { kind: "Scale", group: "autoscaling", version: "v1", verbs: ["get", "patch", "update"] },
  log: { verbs: ["get"] },
  binding: { kind: "Binding", verbs: ["create"] },
  proxy: { kind: "PodProxyOptions", verbs: ["create", "delete", "get", "patch", "update"] },
};
const REVIEWS = "authorization.k8s.io/v1";

/** Groups of the API with their versions; those of custom resources only where these are served. */
function groupsOf(custom: boolean): readonly string[] {
  const served = allResources.filter((resource) => resource.group !== "" && (custom || !resource.custom));
  return [...new Set(served.map(groupVersion)), REVIEWS];
}

/** The document at a discovery path; undefined when the path is none. */
export function discover(path: string, custom: boolean): JsonObject | undefined {
  const groups = groupsOf(custom);
  if (path === "/version") return { ...VERSION };
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
  if (path === "/apis") return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(groupOf) };
  if (path === "/openapi/v3") return openApiIndex(groups);
  const [, kind, ...rest] = path.split("/");
  const name = rest.join("/");
  if (kind === "api" && name === "v1") return resourceList("v1");
  if (kind === "apis" && groups.includes(name)) return resourceList(name);
  const ofGroup = groups.find((known) => known.split("/")[0] === name);
  return kind === "apis" && ofGroup !== undefined
    ? { kind: "APIGroup", apiVersion: "v1", ...groupOf(ofGroup) }
    : undefined;
}

function groupOf(known: string): JsonObject {
  const [name = "", version = ""] = known.split("/");
  const entry = { groupVersion: known, version };
  return { name, versions: [entry], preferredVersion: entry };
}

function resourceList(known: string): JsonObject {
  const list = known === REVIEWS ? [reviewEntry()] : stored(known).flatMap(entries);
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: known, resources: list };
}

const stored = (known: string): Resource[] => allResources.filter((resource) => groupVersion(resource) === known);

const reviewEntry = (): JsonObject => ({
  name: "selfsubjectaccessreviews",
  singularName: "selfsubjectaccessreview",
  namespaced: false,
  kind: "SelfSubjectAccessReview",
  verbs: ["create"],
});

/** What `kubectl get all` shows. */
const IN_ALL = new Set(["pods", "services", "deployments", "replicasets", "horizontalpodautoscalers"]);

function entries(resource: Resource): JsonObject[] {
  const { plural, kind, namespaced, shortNames } = resource;
  const main = {
    name: plural,
    singularName: kind.toLowerCase(),
    namespaced,
    kind,
    verbs: VERBS,
    shortNames: [...shortNames],
    ...(IN_ALL.has(plural) ? { categories: ["all"] } : {}),
  };
  return [
    main,
    ...resource.subresources.map((name) => ({
      name: `${plural}/${name}`,
      singularName: "",
      namespaced,
      kind,
      ...SUBRESOURCES[name],
    })),
  ];
}

function openApiIndex(groups: readonly string[]): JsonObject {
  const paths = ["v1", ...groups].map((known) => {
    const path = known === "v1" ? "api/v1" : `apis/${known}`;
    return [path, { serverRelativeURL: `/openapi/v3/${path}` }];
  });
  return { paths: Object.fromEntries(paths) };
}

/** Just enough OpenAPI for kubectl to see that field validation and dry run happen here; no schemas. */
export function openApiOf(path: string): JsonObject | undefined {
  const known = path.replace(/^\/openapi\/v3\/(api|apis)\//, "");
  const list = stored(known);
  if (list.length === 0) return undefined;
  const parameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map((name) => ({ name, in: "query" }));
  const operations = list.map((resource) => {
    const { group, version, kind, plural, namespaced } = resource;
    const base = `${group === "" ? "/api" : "/apis"}/${known}`;
    const patch = { parameters, responses: {}, "x-kubernetes-group-version-kind": { group, version, kind } };
    return [`${base}${namespaced ? "/namespaces/{namespace}" : ""}/${plural}/{name}`, { patch }];
  });
  return {
    openapi: "3.0.0",
    info: { title: "local control plane", version: VERSION.gitVersion },
    paths: Object.fromEntries(operations),
  };
}
