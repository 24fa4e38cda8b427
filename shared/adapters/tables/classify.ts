import { RestError } from "@azure/data-tables";
import { PermanentError, TransientError } from "../../domain/errors.ts";
import { toCode } from "../azure/rest-error.ts";

/** The service's error code: on single calls it hides in the details, on transactions it is the error's own. */
export function tableErrorCode(error: unknown): string | undefined {
  if (!(error instanceof RestError)) return undefined;
  const { details } = error;
  const odata = isRecord(details) ? details["odataError"] : undefined;
  const code = isRecord(odata) ? odata["code"] : undefined;
  return typeof code === "string" ? code : error.code;
}

/** A stale ETag, or a row that is there already: somebody wrote first, or this very write was made before. */
export function isConflict(error: unknown): boolean {
  if (!(error instanceof RestError)) return false;
  return error.statusCode === 412 || (error.statusCode === 409 && tableErrorCode(error) === "EntityAlreadyExists");
}

/** What the table says of a row, or a row's partition, that is not there; whoever else answers 404 knows nothing of it. */
const MISSING = new Set(["ResourceNotFound", "EntityNotFound"]);

export function isMissing(error: unknown): boolean {
  return error instanceof RestError && error.statusCode === 404 && MISSING.has(tableErrorCode(error) ?? "");
}

/** A table's error as ours; never its text, which repeats the request. */
export function classifyTableError(error: unknown): Error {
  if (error instanceof TransientError || error instanceof PermanentError) return error;
  if (!(error instanceof RestError))
    return new TransientError("unreachable", "The table gave no answer.", { cause: error });
  const code = toCode(tableErrorCode(error));
  const { statusCode } = error;
  if (statusCode === 401 || statusCode === 403)
    return new TransientError(
      "access-denied",
      `The table refused access (${statusCode} ${code}): give the app's identity the role Storage Table Data Contributor.`,
    );
  if (statusCode === undefined || [404, 408, 409, 412, 429].includes(statusCode) || statusCode >= 500)
    return new TransientError("unreachable", `The table did not answer well (${statusCode ?? "no answer"} ${code}).`);
  return new PermanentError("bad-answer", `The table refused the request (${statusCode} ${code}).`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object";
}
