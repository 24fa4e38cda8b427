import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { KINDS } from "../../../shared/adapters/kubernetes/kinds.ts";
import { PermanentError } from "../../../shared/domain/errors.ts";
import type { KubernetesObject } from "../../../shared/domain/release.ts";
import type { ClusterAccess } from "../../../shared/ports/cluster.ts";
import { type Administrator, becomeAdministrator, openAs } from "./administrator.ts";
import { belayRules, setUpBelay } from "./belay-account.ts";

const NAMESPACE = "rights";
/** Rights reach the API server's authorizer a moment after they are written. */
const SOON = { timeout: 10_000, interval: 20 };
const RULES = await belayRules();
const RIGHTS = RULES.flatMap(({ apiGroups, resources, verbs }) =>
  apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb })))),
);
type Right = (typeof RIGHTS)[number];

/** Definitions of the kinds that Kubernetes does not bring itself; what is in the objects makes no difference here. */
const DEFINITIONS = KINDS.filter(({ apiVersion }) => apiVersion.includes(".coreos.com/")).map(
  ({ apiVersion, kind, plural }) => {
    const [group = "", version = ""] = apiVersion.split("/");
    const openAPIV3Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    return {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: "Namespaced",
        names: { plural, kind, singular: kind.toLowerCase() },
        versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    };
  },
);

let admin: Administrator;
let access: ClusterAccess;

beforeAll(async () => {
  admin = await becomeAdministrator();
  for (const definition of DEFINITIONS) await admin.objects.create(definition);
  access = await openAs(await setUpBelay(admin, NAMESPACE, { standard: true }), NAMESPACE);
});
afterAll(async () => {
  for (const definition of DEFINITIONS) await admin?.objects.delete(definition);
  await admin?.core.deleteNamespace({ name: NAMESPACE });
  await admin?.leave();
});

async function giveRights(rights: readonly Right[]): Promise<void> {
  const rules = rights.map(({ group, resource, verb }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: [verb],
  }));
  const role = await admin.rbac.readNamespacedRole({ namespace: NAMESPACE, name: "belay" });
  await admin.rbac.replaceNamespacedRole({ namespace: NAMESPACE, name: "belay", body: { ...role, rules } });
}

/** An object of the kind under a name that nobody has. */
function newObject(resource: string): KubernetesObject {
  const kind = KINDS.find(({ plural }) => plural === resource);
  if (kind === undefined) throw new Error(`Belay applies no ${resource}`);
  const specs: Readonly<Record<string, object>> = {
    Deployment: {
      replicas: 0,
      selector: { matchLabels: { app: "a" } },
      template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "a", image: "a" }] } },
    },
    Service: { ports: [{ port: 80 }] },
    NetworkPolicy: { podSelector: {} },
    PodDisruptionBudget: { minAvailable: 1 },
    HorizontalPodAutoscaler: {
      maxReplicas: 1,
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "a" },
    },
  };
  const spec = specs[kind.kind];
  const { apiVersion } = kind;
  return {
    apiVersion,
    kind: kind.kind,
    metadata: { name: `a-${randomUUID()}` },
    ...(spec === undefined ? {} : { spec }),
  };
}

/** The call of Belay's that needs the right; what the prober says instead of throwing is thrown here. */
async function call({ resource, verb }: Right): Promise<void> {
  const { cluster, prober } = access;
  const signal = AbortSignal.timeout(10_000);
  const nothing = { uid: randomUUID(), resourceVersion: "1", token: undefined, labels: {} };
  switch (`${verb} ${resource}`) {
    case "list pods":
      await cluster.pods("none", signal);
      return;
    case "get pods/log":
      await cluster.lastLines("none", "model", 1, signal);
      return;
    case "get pods/proxy":
      refuseNoAnswer(await prober.getPod("none", 8080, "/ready", 5, signal));
      return;
    case "create services/proxy":
      refuseNoAnswer(await prober.postService({ name: "none", port: "http" }, "/predict", {}, 5, signal));
      return;
  }
  if (verb === "get") await cluster.read(newObject(resource), signal);
  else if (verb === "list") await cluster.listOwned("none", signal);
  else if (verb === "delete") await cluster.remove({ ...nothing, reference: newObject(resource) }, signal);
  else await cluster.apply(newObject(resource), undefined, signal);
}

function refuseNoAnswer(answer: Awaited<ReturnType<ClusterAccess["prober"]["getPod"]>>): void {
  if (answer.kind === "no-answer") throw new Error(answer.reason);
}

const errorOf = (right: Right): Promise<unknown> =>
  call(right).then(
    () => undefined,
    (error: unknown) => error,
  );

/** A probe has no errors: what it was refused is why there was no answer. */
const isProbe = ({ resource }: Right) => resource.endsWith("/proxy");

describe("Belay's account", () => {
  test.each(RIGHTS)("without $verb on $resource is told so by name", async (right) => {
    await giveRights(RIGHTS.filter((other) => other !== right));
    const { group, resource, verb } = right;
    const named = `cannot ${verb} resource "${resource}" in API group "${group}" in the namespace "${NAMESPACE}"`;
    await vi.waitFor(async () => {
      const error = await errorOf(right);
      expect(error).toMatchObject({ message: expect.stringContaining(named) });
      if (!isProbe(right)) {
        expect(error).toBeInstanceOf(PermanentError);
        expect(error).toMatchObject({
          code: "access-denied",
          message: expect.stringContaining("infra/kubernetes/setup"),
        });
      }
    }, SOON);
  });

  test("with the whole role is refused none of these calls", async () => {
    await giveRights(RIGHTS);
    await vi.waitFor(async () => {
      for (const right of RIGHTS) {
        const error = await errorOf(right);
        expect([right, error instanceof Error ? error.message : ""]).not.toEqual([
          right,
          expect.stringMatching(/forbidden|refused access/),
        ]);
      }
    }, SOON);
  });

  test.each([
    ["secrets", "/api/v1/namespaces/rights/secrets"],
    ["pods of other namespaces", "/api/v1/namespaces/kube-system/pods"],
    ["nodes", "/api/v1/nodes"],
  ])("may not read %s", async (_name, path) => {
    const { code, error } = await admin.kubectl(
      ...["--kubeconfig", `${admin.folder}/${NAMESPACE}.kubeconfig`],
      ...["get", "--raw", path],
    );
    expect(code).toBe(1);
    expect(error).toContain("forbidden");
  });
});
