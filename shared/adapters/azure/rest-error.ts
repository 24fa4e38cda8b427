import * as z from "zod";
import { PermanentError, TransientError } from "../../domain/errors.ts";

const restError = z.object({
  name: z.literal("RestError"),
  statusCode: z.number().optional(),
  code: z.string().optional(),
  response: z.object({ headers: z.custom<{ get(name: string): string | undefined }>(hasGet) }).optional(),
});

/** What an Azure SDK's error says, without its text: that repeats addresses and headers. */
export interface AzureFault {
  /** Undefined: no answer. */
  status: number | undefined;
  /** The service's code, or the network's. */
  code: string;
  retryAfterSeconds: number | undefined;
}

/** Errors of `@azure/identity`: no token could be had. */
const CREDENTIAL_ERRORS = new Set([
  "CredentialUnavailableError",
  "AuthenticationError",
  "AggregateAuthenticationError",
  "AuthenticationRequiredError",
]);

/** Undefined for what is no answer of the service's. */
export function readAzureFault(error: unknown): AzureFault | undefined {
  const read = restError.safeParse(error);
  if (!read.success) return undefined;
  const { statusCode, code = "", response } = read.data;
  const retryAfter = response?.headers.get("retry-after") ?? "";
  return {
    status: statusCode,
    code: toCode(code),
    retryAfterSeconds: /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined,
  };
}

/** The services' and the network's codes are words of letters; anything else may repeat what nobody may read. */
export function toCode(said: string | undefined): string {
  return said !== undefined && /^[A-Za-z_]{1,60}$/.test(said) ? said : "no code";
}

/** What every Azure service's errors have in common; undefined where the service itself has to say what it means. */
export function classifyAzureError(what: string, error: unknown): Error | undefined {
  if (error instanceof TransientError || error instanceof PermanentError) return error;
  if (error instanceof Error && CREDENTIAL_ERRORS.has(error.name))
    return new TransientError(
      "access-denied",
      `${what}: no token could be had. Give the app a managed identity, or set AZURE_CLIENT_ID to the one it has.`,
    );
  const fault = readAzureFault(error);
  if (fault?.status === undefined)
    return new TransientError("unreachable", `${what}: no answer (${reasonOf(error, fault)}).`);
  return classifyStatus(what, fault.status, fault);
}

function classifyStatus(what: string, status: number, { code, retryAfterSeconds }: AzureFault): Error | undefined {
  if (status === 401) return new TransientError("access-denied", `${what}: the token was refused (401 ${code}).`);
  if (status === 408 || status === 409 || status === 429 || status >= 500)
    return new TransientError("unreachable", `${what}: answered ${status} ${code}.`, { retryAfterSeconds });
  if (status < 400)
    return new PermanentError("bad-answer", `${what}: the answer (${status}) is not one of this service's.`);
  return undefined;
}

/** Time-outs and aborts look alike; the SDKs lose which it was. */
function reasonOf(error: unknown, fault: AzureFault | undefined): string {
  if (fault !== undefined) return fault.code;
  if (!(error instanceof Error)) return "unknown";
  return error.name === "TimeoutError" || error.name === "AbortError" ? "it took too long" : error.name;
}

function hasGet(value: unknown): boolean {
  return typeof value === "object" && value !== null && "get" in value && typeof value.get === "function";
}
