import { createHash } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import {
  type ContainerRegistry,
  createContainerRegistry,
} from "../../infra/local/container-registry/container-registry.ts";
import { createCredential } from "../../shared/adapters/azure/credential.ts";
import { createAcrImages } from "../../shared/adapters/container-registry/image-registry.ts";
import { createFakeImages } from "../fakes/fake-builder.ts";
import { pushImage } from "../local/container-registry/push-image.ts";
import { useLoopbackAzure } from "../support/loopback-azure.ts";
import { imageRegistryContract } from "./image-registry.ts";

imageRegistryContract("the fake", async () => {
  const images = createFakeImages();
  return {
    images,
    push: async (repository, tag, content) => {
      const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
      images.push(repository, tag, digest);
      return digest;
    },
    remove: async (_repository, digest) => images.drop(digest),
  };
});

const azure = useLoopbackAzure();
let registry: ContainerRegistry;

beforeAll(async () => {
  registry = createContainerRegistry({
    tls: azure.certificate,
    acceptAadToken: (token) => azure.identity.isIssued(token, "https://containerregistry.azure.net"),
  });
  await registry.listen();
});
afterAll(() => registry.close());

imageRegistryContract("Azure Container Registry", async () => ({
  images: createAcrImages({
    endpoint: registry.loginServer,
    credential: createCredential({ clientId: "an-identity" }),
  }),
  push: async (repository, tag, content) =>
    (await pushImage(registry.url, repository, tag, [[{ name: "model", content }]])).digest,
  remove: async (repository, digest) => {
    const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${digest}`, { method: "DELETE" });
    return answer.ok;
  },
}));
