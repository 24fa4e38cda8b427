import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { ContainerRegistryManagementClient, type DockerBuildRequest } from "@azure/arm-containerregistry";
import { ManagedIdentityCredential } from "@azure/identity";
import { BlockBlobClient } from "@azure/storage-blob";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { createCertificate } from "../../../infra/local/certificate/create-certificate.ts";
import { createIdentityEndpoint } from "../../../infra/local/identity/create-identity-endpoint.ts";
import type { Build } from "../../../infra/local/resource-manager/build.ts";
import type { Clock } from "../../../infra/local/resource-manager/clock.ts";
import {
  createResourceManager,
  type ResourceManager,
  type ResourceManagerOptions,
} from "../../../infra/local/resource-manager/create-resource-manager.ts";

export const SUBSCRIPTION = "00000000-1111-2222-3333-444444444444";
export const GROUP = "belay";
export const REGISTRY = "belayRegistry";
export const SCOPE = "https://management.azure.com";
export const DIGEST = `sha256:${"0".repeat(64)}`;
export const REGISTRY_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.ContainerRegistry/registries/${REGISTRY}`;

/** A clock that stands still until it is told. */
export function createManualClock(): Clock & { advance(milliseconds: number): void } {
  let time = Date.parse("2026-05-04T12:00:00Z");
  const calls = new Set<{ at: number; call: () => void }>();
  return {
    now: () => new Date(time),
    after(milliseconds, call) {
      const entry = { at: time + milliseconds, call };
      calls.add(entry);
      return () => calls.delete(entry);
    },
    advance(milliseconds) {
      time += milliseconds;
      for (const entry of [...calls].filter(({ at }) => at <= time)) {
        calls.delete(entry);
        entry.call();
      }
    },
  };
}

/** A build that answers with one image for each name asked for. */
export const succeed: Build = async ({ imageNames }) => ({
  images: imageNames.map((name) => {
    const [repository = "", tag = "latest"] = name.split(":");
    return { registry: "127.0.0.1:5000", repository, tag, digest: DIGEST };
  }),
});

export interface Started {
  manager: ResourceManager;
  client: ContainerRegistryManagementClient;
}

/** The certificate trusted and the identity endpoint found in this process; call it once at the top of a test file. */
export function useAzure(): {
  start(options?: Partial<ResourceManagerOptions>): Promise<Started>;
  credential(): ManagedIdentityCredential;
  issue(): string;
} {
  const before = getCACertificates("default");
  const identity = createIdentityEndpoint();
  const managers: ResourceManager[] = [];
  let tls = { key: "", cert: "" };

  beforeAll(async () => {
    const certificate = await createCertificate();
    tls = certificate;
    setDefaultCACertificates([...before, certificate.caPem]);
    await identity.listen();
    for (const [name, value] of Object.entries(identity.environment())) vi.stubEnv(name, value);
  });

  afterAll(async () => {
    await Promise.all(managers.map((manager) => manager.close()));
    await identity.close();
    vi.unstubAllEnvs();
    setDefaultCACertificates(before);
  });

  return {
    credential: () => new ManagedIdentityCredential(),
    issue: () => identity.issue(SCOPE),
    async start(options = {}) {
      const manager = createResourceManager({
        tls,
        build: succeed,
        loginServer: "127.0.0.1:5000",
        acceptToken: (token) => identity.isIssued(token, SCOPE),
        ...options,
      });
      managers.push(manager);
      const endpoint = await manager.listen();
      const client = new ContainerRegistryManagementClient(new ManagedIdentityCredential(), SUBSCRIPTION, {
        endpoint,
        credentialScopes: `${SCOPE}/.default`,
        retryOptions: { maxRetries: 0 },
      });
      return { manager, client };
    },
  };
}

/** Uploads a source as the product does and returns its path for a run request. */
export async function upload(client: ContainerRegistryManagementClient, content = "context"): Promise<string> {
  const { uploadUrl = "", relativePath = "" } = await client.registries.getBuildSourceUploadUrl(GROUP, REGISTRY);
  await new BlockBlobClient(uploadUrl).upload(content, Buffer.byteLength(content));
  return relativePath;
}

/** A request for one image. */
export const buildOf = (sourceLocation: string, more: Partial<DockerBuildRequest> = {}): DockerBuildRequest => ({
  type: "DockerBuildRequest",
  imageNames: ["models/churn:42-{{.Run.ID}}"],
  dockerFilePath: "Dockerfile",
  platform: { os: "Linux", architecture: "amd64" },
  sourceLocation,
  ...more,
});

/** Looks at a task run until its build has ended. */
export async function untilEnded(client: ContainerRegistryManagementClient, name: string) {
  return vi.waitFor(
    async () => {
      const taskRun = await client.taskRuns.get(GROUP, REGISTRY, name);
      expect(taskRun.provisioningState).not.toBe("Creating");
      return taskRun;
    },
    { timeout: 3_000, interval: 5 },
  );
}

/** Everything in the log of a run. */
export async function logOf(client: ContainerRegistryManagementClient, runId: string): Promise<string> {
  const { logLink = "" } = await client.runs.getLogSasUrl(GROUP, REGISTRY, runId);
  return (await new BlockBlobClient(logLink).downloadToBuffer()).toString("utf8");
}
