import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { V1PolicyRule } from "@kubernetes/client-node";
import { vi } from "vitest";
import { z } from "zod";
import { accountKubeconfig } from "../../../infra/local/real-kubernetes/account-kubeconfig.ts";
import { readManifests } from "../../../shared/config/read-manifests.ts";
import type { KubernetesObject } from "../../../shared/domain/release.ts";
import type { Administrator } from "./administrator.ts";
import { openAs } from "./administrator.ts";

const SETUP = resolve(import.meta.dirname, "../../../infra/kubernetes/setup");
const role = z.object({
  rules: z.array(
    z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
  ),
});

/** The rules of the Role that Belay is given. */
export async function belayRules(): Promise<
  readonly Required<Pick<V1PolicyRule, "apiGroups" | "resources" | "verbs">>[]
> {
  return role.parse((await readManifests(SETUP)).find(({ kind }) => kind === "Role")).rules;
}

/**
 * Makes the namespace as `infra/kubernetes/setup` has it, under another name, and returns the kubeconfig file of its
 * account `belay`. Without `standard` the namespace takes pods of any kind.
 */
export async function setUpBelay(
  admin: Administrator,
  namespace: string,
  { standard }: { standard: boolean },
): Promise<string> {
  for (const object of await readManifests(SETUP)) await admin.objects.create(moved(object, namespace, standard));
  const file = join(admin.folder, `${namespace}.kubeconfig`);
  await writeFile(file, await accountKubeconfig(admin.adminFile, namespace, "belay"), { mode: 0o600 });
  const { cluster } = await openAs(file, namespace);
  // Rights reach the API server's authorizer a moment after they are written.
  await vi.waitFor(() => cluster.listOwned("nothing", AbortSignal.timeout(5_000)), { timeout: 10_000, interval: 20 });
  return file;
}

function moved(object: KubernetesObject, namespace: string, standard: boolean): KubernetesObject {
  const { metadata } = object;
  if (object.kind === "Namespace")
    return { ...object, metadata: { name: namespace, ...(standard ? { labels: metadata.labels ?? {} } : {}) } };
  const subjects = z.array(z.looseObject({ namespace: z.string() })).safeParse(object["subjects"]).data;
  return {
    ...object,
    metadata: { ...metadata, namespace },
    ...(subjects === undefined ? {} : { subjects: subjects.map((subject) => ({ ...subject, namespace })) }),
  };
}
