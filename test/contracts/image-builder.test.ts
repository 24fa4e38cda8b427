import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type ContainerRegistry,
  createContainerRegistry,
} from "../../infra/local/container-registry/container-registry.ts";
import { createImageBuilder } from "../../infra/local/image-builder/image-builder.ts";
import { type Build, BuildServiceError } from "../../infra/local/resource-manager/build.ts";
import {
  createResourceManager,
  type ResourceManager,
} from "../../infra/local/resource-manager/create-resource-manager.ts";
import { createCredential } from "../../shared/adapters/azure/credential.ts";
import { openRegistryManagement } from "../../shared/adapters/azure/resource-manager.ts";
import { createAcrBuilder } from "../../shared/adapters/container-registry/image-builder.ts";
import { createAcrImages } from "../../shared/adapters/container-registry/image-registry.ts";
import { createFakeBuilder, createFakeImages } from "../fakes/fake-builder.ts";
import { GROUP, REGISTRY, RESOURCE_MANAGER, SUBSCRIPTION, useLoopbackAzure } from "../support/loopback-azure.ts";
import { fateOf, imageBuilderContract } from "./image-builder.ts";

imageBuilderContract("the fake", async () => {
  let now = 1_790_000_000_000;
  const images = createFakeImages();
  const failures = {
    good: undefined,
    broken: { kind: "failed", cause: "broken", message: "COPY failed", lastLines: ["COPY missing.json: not found"] },
    service: { kind: "failed", cause: "service", message: "no agent", lastLines: [] },
  } as const;
  const builder = createFakeBuilder(
    () => now,
    images,
    ({ images: [image = ""] }) => {
      const state = failures[fateOf(image)];
      return { seconds: 60, ...(state === undefined ? {} : { state }) };
    },
  );
  const letGo = () => {
    now += 60_000;
  };
  return { builder, images, builds: () => builder.builds().length, letGo };
});

const azure = useLoopbackAzure();
const credential = createCredential({});
let registry: ContainerRegistry;
let manager: ResourceManager;
let gate = Promise.withResolvers<void>();
const gates = [gate];

const build: Build = async (request) => {
  await gate.promise;
  if (request.imageNames.some((image) => fateOf(image) === "service")) throw new BuildServiceError("no agent");
  const { digest, repository, tags } = await createImageBuilder().build({
    ...request,
    buildArguments: request.arguments,
    registry: { url: registry.url, ca: azure.certificate.caPem },
    tags: request.imageNames,
  });
  const host = registry.loginServer;
  return { images: tags.map((tag) => ({ registry: host, repository, tag: tag.split(":")[1] ?? tag, digest })) };
};

const open = async () => {
  gate = Promise.withResolvers();
  gates.push(gate);
  const client = openRegistryManagement({ subscriptionId: SUBSCRIPTION, endpoint: manager.endpoint, credential });
  return {
    builder: createAcrBuilder({ client, resourceGroup: GROUP, registryName: REGISTRY }),
    images: createAcrImages({ endpoint: registry.url, credential }),
    builds: () => manager.runs().length,
    letGo: gate.resolve,
  };
};

beforeAll(async () => {
  registry = createContainerRegistry({ tls: azure.certificate });
  await registry.listen();
  manager = createResourceManager({
    tls: azure.certificate,
    build,
    loginServer: registry.loginServer,
    acceptToken: (token) => azure.identity.isIssued(token, RESOURCE_MANAGER),
  });
  await manager.listen();
});
afterAll(async () => {
  for (const { resolve } of gates) resolve();
  await manager.close();
  await registry.close();
});

imageBuilderContract("ACR Tasks", open);

describe("ACR Tasks", () => {
  it("costs four calls of Resource Manager a build beside one a look", async () => {
    const { builder, letGo } = await open();
    const signal = AbortSignal.timeout(10_000);
    const before = manager.requests();
    const sourcePath = await builder.uploadContext(Readable.from(["no archive"]), signal);
    const request = { name: "belay-counted", sourcePath, images: ["models/counted:1"], arguments: {} };
    await builder.look(request.name, signal);
    await builder.start({ ...request, platform: "linux/amd64", timeoutSeconds: 1 }, signal);
    await builder.look(request.name, signal);
    letGo();
    const after = Object.entries(manager.requests()).map(([name, calls]) => [name, calls - (before[name] ?? 0)]);
    expect(
      Object.fromEntries(after.filter(([name, calls]) => calls !== 0 && !String(name).startsWith("blobs"))),
    ).toEqual({
      "registries.getBuildSourceUploadUrl": 1,
      "registries.get": 1,
      "taskRuns.create": 1,
      "taskRuns.get": 2,
      refused: 1,
    });
  });
});
