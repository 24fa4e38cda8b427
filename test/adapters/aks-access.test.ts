import type { TokenCredential } from "@azure/identity";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ControlPlane, createControlPlane } from "../../infra/local/kubernetes/control-plane.ts";
import {
  createResourceManager,
  type ResourceManager,
} from "../../infra/local/resource-manager/create-resource-manager.ts";
import { createCredential } from "../../shared/adapters/azure/credential.ts";
import { createAksAccess } from "../../shared/adapters/kubernetes/aks-access.ts";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import { GROUP, RESOURCE_MANAGER, SUBSCRIPTION, useLoopbackAzure } from "../support/loopback-azure.ts";

const AKS = "6dae42f8-4368-4678-94ff-3960e28e3630";
const azure = useLoopbackAzure();
const tokens: string[] = [];
let plane: ControlPlane;
let manager: ResourceManager;

beforeAll(async () => {
  plane = createControlPlane({ tls: azure.certificate, tokens });
  await plane.listen();
  manager = createResourceManager({
    tls: azure.certificate,
    build: () => Promise.reject(new Error("nothing is built here")),
    loginServer: "127.0.0.1:1",
    // What stands in its users is not used: there it runs a program to log in.
    kubeconfig: () => plane.kubeconfig({ caPem: azure.certificate.caPem }).replace(/token: .*/, "token: not-this-one"),
    acceptToken: (token) => azure.identity.isIssued(token, RESOURCE_MANAGER),
  });
  await manager.listen();
});
afterAll(async () => {
  await manager.close();
  await plane.close();
});

const place = { cluster: { kind: "aks", resourceGroup: GROUP, name: "models" }, namespace: "default" } as const;
const signal = () => AbortSignal.timeout(5_000);

/** The app's own credential, whose tokens the cluster lets in. */
function admitted(): TokenCredential {
  const own = createCredential({});
  return {
    getToken: async (scopes, options) => {
      const token = await own.getToken(scopes, options);
      if (token !== null && azure.identity.isIssued(token.token, AKS)) tokens.push(token.token);
      return token;
    },
  };
}

it("reaches an AKS cluster with a token of the app's identity for it, and asks for its credentials once", async () => {
  const arm = { subscriptionId: SUBSCRIPTION, endpoint: manager.endpoint, credential: admitted() };
  const open = createOpenCluster({ arm });
  const asked = () => manager.requests()["managedClusters.listClusterUserCredentials"] ?? 0;
  const before = asked();
  for (let visit = 0; visit < 3; visit++) await (await open(place)).cluster.ping(signal());
  const reference = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "absent" } };
  expect(await (await open(place)).cluster.read(reference, signal())).toBeUndefined();
  expect(asked() - before).toBe(1);
});

it("gets a new token when the old one has less than five minutes left, and new facts after an hour", async () => {
  let now = 1_790_000_000_000;
  let issued = 0;
  const own = createCredential({});
  const credential: TokenCredential = {
    getToken: async (scopes, options) => {
      if (!String(scopes).includes(AKS)) return own.getToken(scopes, options);
      issued += 1;
      return { token: `token-${issued}`, expiresOnTimestamp: now + 3_600_000 };
    },
  };
  const access = createAksAccess({ subscriptionId: SUBSCRIPTION, endpoint: manager.endpoint, credential }, () => now);
  const asked = () => manager.requests()["managedClusters.listClusterUserCredentials"] ?? 0;
  const before = asked();
  const cluster = { resourceGroup: GROUP, name: "models" };
  const first = await access(cluster);
  now += 3_300_000;
  expect(await access(cluster)).toBe(first);
  now += 1;
  expect(await access(cluster)).not.toBe(first);
  expect({ issued, facts: asked() - before }).toEqual({ issued: 2, facts: 1 });
  now += 300_000;
  await access(cluster);
  expect({ issued, facts: asked() - before }).toEqual({ issued: 3, facts: 2 });
});
