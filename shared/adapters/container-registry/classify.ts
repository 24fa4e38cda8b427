import { PermanentError, TransientError } from "../../domain/errors.ts";
import { type ArmRemedy, classifyArmError } from "../azure/resource-manager.ts";
import { classifyAzureError, readAzureFault } from "../azure/rest-error.ts";

/** What a call to ACR Tasks needs. */
const TASKS: ArmRemedy = {
  role: "Container Registry Tasks Contributor on the registry",
  settings: "AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP and AZURE_CONTAINER_REGISTRY_NAME",
};

/** An error of ACR Tasks as ours. */
export function classifyTasksError(what: string, error: unknown): Error {
  return classifyArmError(what, error, TASKS);
}

/** An error of the blob store that takes the sources; its addresses are signed and never repeated. */
export function classifyUploadError(error: unknown): Error {
  const what = "Uploading the build context";
  const fault = readAzureFault(error);
  // A signed address is refused when its hour is over or a clock is wrong; the next visit gets a new one.
  if (fault?.status === 403 || fault?.status === 404)
    return new TransientError("build-service", `${what}: the signed address was refused (${fault.code}).`);
  const refused = new PermanentError("bad-answer", `${what}: it was refused (${fault?.status} ${fault?.code}).`);
  return classifyAzureError(what, error) ?? refused;
}

/** An error of the registry's data plane as ours; `role` is what the call needs. */
export function classifyImagesError(what: string, error: unknown, role: string): Error {
  const fault = readAzureFault(error);
  const remedy = `access was refused. Give the app's identity the role ${role}.`;
  if (fault?.status === 403) return new PermanentError("access-denied", `${what}: ${remedy}`);
  // The registry also says 401 for a right that a token lacks; a new role takes minutes to arrive.
  if (fault?.status === 401) return new TransientError("access-denied", `${what}: ${remedy}`);
  const refused = new PermanentError("bad-answer", `${what}: it was refused (${fault?.status} ${fault?.code}).`);
  return classifyAzureError(what, error) ?? refused;
}
