import type { ContainerRegistryClient, RegistryArtifact } from "@azure/container-registry";
import type { TokenCredential } from "@azure/identity";
import { PermanentError, TransientError } from "../../domain/errors.ts";
import type { ImageRegistry } from "../../ports/image-registry.ts";
import { limitedOptions } from "../azure/limits.ts";
import { readAzureFault } from "../azure/rest-error.ts";
import { within } from "../azure/within.ts";
import { boundedFetch } from "../http/bounded-fetch.ts";
import { classifyImagesError } from "./classify.ts";

export interface AcrImagesSettings {
  /** AZURE_CONTAINER_REGISTRY_ENDPOINT: `registry.azurecr.io`, with or without `https://` before it. */
  endpoint: string;
  credential: TokenCredential;
}

const CALL_MS = 15_000;
const MAX_BYTES = 1024 * 1024;
const READ_ROLE = "AcrPull (or Container Registry Repository Reader) on the registry";
const LOCK_ROLE =
  "AcrPush (or Container Registry Repository Writer) on the registry: locking an image needs the right to write metadata";
const DELETE_ROLE = "AcrDelete (or Container Registry Repository Contributor) on the registry";

/** The registry's data plane, by the SDK that exchanges Entra tokens for the registry's own. */
export function createAcrImages({ endpoint, credential }: AcrImagesSettings): ImageRegistry {
  const address = toAddress(endpoint);
  let opened: Promise<ContainerRegistryClient> | undefined;
  const open = async () => {
    const { ContainerRegistryClient } = await import("@azure/container-registry");
    return new ContainerRegistryClient(
      address.origin,
      credential,
      limitedOptions({ timeoutMs: CALL_MS, maxBytes: MAX_BYTES }),
    );
  };
  const ask = async <T>(
    { repository, reference, role = READ_ROLE }: { repository: string; reference: string; role?: string },
    signal: AbortSignal,
    call: (artifact: RegistryArtifact, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> => {
    try {
      opened ??= open();
      const artifact = (await opened).getArtifact(repository, reference);
      return await within(signal, CALL_MS, (abortSignal) => call(artifact, abortSignal));
    } catch (error) {
      if (readAzureFault(error)?.status === 404) return undefined;
      throw classifyImagesError(`The image ${repository} ${reference}`, error, role);
    }
  };
  /** False: the image is not there. */
  const setLocked = async (repository: string, digest: string, locked: boolean, signal: AbortSignal) => {
    const changed = await ask({ repository, reference: digest, role: LOCK_ROLE }, signal, (artifact, abortSignal) =>
      artifact.updateManifestProperties({ canDelete: !locked, canWrite: !locked, abortSignal }),
    );
    if (changed === undefined) return false;
    checkDigest(changed.digest, digest);
    if (changed.canDelete === !locked && changed.canWrite === !locked) return true;
    const wanted = locked ? "locked" : "unlocked";
    throw new PermanentError("bad-answer", `The container registry's answer does not say that the image is ${wanted}.`);
  };
  return {
    loginServer: address.host,
    digestOf: async (repository, tag, signal) => {
      const found = await ask({ repository, reference: tag }, signal, (artifact, abortSignal) =>
        artifact.getTagProperties(tag, { abortSignal }),
      );
      if (found === undefined) return undefined;
      // Another tag's digest would be another version's image.
      if (found.name === tag && found.repositoryName === repository) return checkDigest(found.digest);
      throw new PermanentError("bad-answer", "The container registry's answer is about another tag.");
    },
    lock: (repository, digest, signal) => setLocked(repository, digest, true, signal),
    unlock: async (repository, digest, signal) => {
      await setLocked(repository, digest, false, signal);
    },
    remove: async (repository, digest, signal) => {
      const outcome = await ask({ repository, reference: digest, role: DELETE_ROLE }, signal, remove);
      return outcome ?? "absent";
    },
    exists: async (repository, digest, signal) => {
      const found = await ask({ repository, reference: digest }, signal, (artifact, abortSignal) =>
        artifact.getManifestProperties({ abortSignal }),
      );
      if (found === undefined) return false;
      checkDigest(found.digest, digest);
      return true;
    },
    ping: async (signal) => {
      const limits = { timeoutMs: CALL_MS, maxBytes: MAX_BYTES, signal };
      const { status } = await boundedFetch(new URL("/v2/", address), "The container registry", limits);
      // It answers 401 to everybody without a token; that it answers is what is asked here.
      if (status === 200 || status === 401) return;
      throw new TransientError("unreachable", `The container registry ${address.host} answered ${status}.`);
    },
  };
}

/** The SDK takes a 404 for a success. */
async function remove(artifact: RegistryArtifact, abortSignal: AbortSignal): Promise<"removed" | "locked" | "absent"> {
  let status: number | undefined;
  const onResponse = (response: { status: number }) => {
    status = response.status;
  };
  try {
    await artifact.delete({ abortSignal, onResponse });
  } catch (error) {
    // What a lock forbids, also one of a tag or of the repository: https://aka.ms/acr/faq ("disallowed operation").
    if (readAzureFault(error)?.status === 405) return "locked";
    throw error;
  }
  return status === 404 ? "absent" : "removed";
}

function toAddress(endpoint: string): URL {
  const text = endpoint.includes("://") ? endpoint : `https://${endpoint}`;
  if (URL.canParse(text)) return new URL(text);
  throw new PermanentError("configuration-wrong", "AZURE_CONTAINER_REGISTRY_ENDPOINT is not an address.");
}

/** What answers is not always the registry: its answers name the image's digest. */
function checkDigest(digest: unknown, asked: string | undefined = undefined): string {
  const isDigest = typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest);
  if (isDigest && (asked === undefined || asked === digest)) return digest;
  throw new PermanentError("bad-answer", "The container registry's answer does not name the image's digest.");
}
