import type { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import type { ContainerServiceClient } from "@azure/arm-containerservice";
import type { TokenCredential } from "@azure/identity";
import { PermanentError } from "../../domain/errors.ts";
import { limitedOptions } from "./limits.ts";
import { classifyAzureError, readAzureFault } from "./rest-error.ts";

export interface ResourceManagerSettings {
  subscriptionId: string;
  /** AZURE_RESOURCE_MANAGER_ENDPOINT, `https://management.azure.com` in the public cloud. */
  endpoint: string;
  credential: TokenCredential;
}

/** What tokens are asked for, wherever the endpoint lies. */
const SCOPES = ["https://management.azure.com/.default"];
/** One call may take this long. */
export const ARM_CALL_MS = 20_000;
const LIMITS = { timeoutMs: ARM_CALL_MS, maxBytes: 4 * 1024 * 1024 };

/** Opens Resource Manager's registry client, ACR Tasks included, once; the SDK is loaded when it is first asked for. */
export function openRegistryManagement(
  settings: ResourceManagerSettings,
): () => Promise<ContainerRegistryManagementClient> {
  const open = async () => {
    const { ContainerRegistryManagementClient } = await import("@azure/arm-containerregistry");
    const options = { ...limitedOptions(LIMITS), endpoint: settings.endpoint, credentialScopes: SCOPES };
    return new ContainerRegistryManagementClient(settings.credential, settings.subscriptionId, options);
  };
  let opened: Promise<ContainerRegistryManagementClient> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}

/** Opens Resource Manager's cluster client. */
export async function openClusterManagement(settings: ResourceManagerSettings): Promise<ContainerServiceClient> {
  const { ContainerServiceClient } = await import("@azure/arm-containerservice");
  const options = { ...limitedOptions(LIMITS), endpoint: settings.endpoint, credentials: { scopes: SCOPES } };
  return new ContainerServiceClient(settings.credential, settings.subscriptionId, options);
}

/** What a person has to know to put a refusal right. */
export interface ArmRemedy {
  /** The role that the call needs, by its name in Azure. */
  role: string;
  /** The settings that name the resource. */
  settings: string;
}

/** Codes of a 404 that says the resource's parents are not there, not the thing looked for. */
const PARENT_MISSING = new Set([
  "RegistryNotFound",
  "ParentResourceNotFound",
  "ResourceGroupNotFound",
  "SubscriptionNotFound",
]);

/** The thing itself is not there, but its registry or cluster may be. */
export function isArmMissing(error: unknown): boolean {
  const fault = readAzureFault(error);
  return fault?.status === 404 && !PARENT_MISSING.has(fault.code);
}

/** Resource Manager's error as ours; never its text. */
export function classifyArmError(what: string, error: unknown, { role, settings }: ArmRemedy): Error {
  const common = classifyAzureError(what, error);
  if (common !== undefined) return common;
  const fault = readAzureFault(error);
  if (fault?.status === 403)
    return new PermanentError(
      "access-denied",
      `${what}: access was refused (${fault.code}). Give the app's identity the role ${role}.`,
    );
  if (fault?.status === 404)
    return new PermanentError("configuration-wrong", `${what}: it is not there (${fault.code}). Check ${settings}.`);
  if (fault?.code === "TasksOperationsNotAllowed")
    return new PermanentError(
      "configuration-wrong",
      `${what}: this subscription may not use ACR Tasks (${fault.code}). Ask Azure's support, or use another subscription.`,
    );
  return new PermanentError("bad-answer", `${what}: the request was refused (${fault?.status} ${fault?.code}).`);
}
