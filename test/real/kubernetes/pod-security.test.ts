import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readManifests } from "../../../shared/config/read-manifests.ts";
import type { KubernetesObject } from "../../../shared/domain/release.ts";
import { renderRelease } from "../../../shared/domain/render-release.ts";
import { removeNamespace } from "../../local/kubernetes/real-cluster.ts";
import { policyFor } from "../../pipeline/manifests.ts";
import { type Administrator, becomeAdministrator } from "./administrator.ts";
import { setUpBelay } from "./belay-account.ts";

const BASE = resolve(import.meta.dirname, "../../../infra/kubernetes");
const NAMESPACE = "standard";
const IMAGE = `registry.test/churn@sha256:${"a".repeat(64)}`;

let admin: Administrator;
let workload: KubernetesObject;

beforeAll(async () => {
  admin = await becomeAdministrator();
  await setUpBelay(admin, NAMESPACE, { standard: true });
  const model = { name: "churn-classifier", version: "1", createdAt: 1 };
  const release = renderRelease(await readManifests(BASE), policyFor({ namespace: NAMESPACE }), model, IMAGE, []);
  const last = release.fixed.at(-1);
  if (last === undefined) throw new Error("the release has no workload");
  workload = last;
});
afterAll(async () => {
  await admin?.core.deleteNamespace({ name: NAMESPACE });
  await admin?.leave();
});

/** What the server would say to it. */
async function tryOut(object: object) {
  const file = join(admin.folder, "object.json");
  await writeFile(file, JSON.stringify(object));
  return admin.kubectl("apply", "--server-side", "--dry-run=server", "--field-manager=test", "-f", file);
}

/** A pod as the workload would make it, with its one container changed. */
function podOf(securityContext: object): object {
  const { template } = structuredClone(workload["spec"]) as { template: { spec: { containers: object[] } } };
  const [container] = template.spec.containers;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "tried", namespace: NAMESPACE },
    spec: { ...template.spec, containers: [{ ...container, ...securityContext }] },
  };
}

describe("the namespace of the set-up", () => {
  test("takes the workload of the base manifests without a warning", async () => {
    expect(await tryOut(workload)).toEqual({
      code: 0,
      out: "deployment.apps/churn serverside-applied (server dry run)\n",
      error: "",
    });
  });

  test("takes its pods", async () => {
    expect(await tryOut(podOf({}))).toMatchObject({ code: 0, error: "" });
  });

  test("refuses a privileged pod by the standard's name", async () => {
    const { code, error } = await tryOut(podOf({ securityContext: { privileged: true } }));
    expect(code).toBe(1);
    expect(error).toContain('violates PodSecurity "restricted:latest": privileged');
  });

  test("was made by what the set-up's README says", async () => {
    const setup = join(BASE, "setup");
    const { code, out, error } = await admin.kubectl("apply", "--server-side", "-f", setup);
    expect([code, error]).toEqual([0, ""]);
    expect(out.trim().split("\n")).toEqual([
      "namespace/models serverside-applied",
      "rolebinding.rbac.authorization.k8s.io/belay serverside-applied",
      "role.rbac.authorization.k8s.io/belay serverside-applied",
      "serviceaccount/model serverside-applied",
      "serviceaccount/belay serverside-applied",
    ]);
    const token = await admin.kubectl("-n", "models", "create", "token", "belay", "--duration", "8760h");
    expect(token.code).toBe(0);
    await removeNamespace(admin.core, "models");
  });
});
