import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { z } from "zod";
import { PermanentError, TransientError } from "../../domain/errors.ts";
import { type BoundedAnswer, boundedFetch, retryAfterSeconds } from "../http/bounded-fetch.ts";
import { errorAnswer } from "./schemas.ts";

export interface MlflowHttp {
  /** Undefined: MLflow says that it is not there. */
  get<T>(
    path: string,
    query: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T | undefined>;
  getFile(
    path: string,
    query: Readonly<Record<string, string>>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Buffer | undefined>;
  openFile(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Readable>;
  address(path: string, query: Readonly<Record<string, string>>): URL;
  /** Whether addresses need credentials beside them. */
  readonly authenticated: boolean;
}

const CALL_MS = 15_000;
const MAX_JSON = 16 * 1024 * 1024;

/** Calls to one MLflow tracking server. `authorization` is the header's value. */
export function createMlflowHttp(trackingUri: URL, authorization: string | undefined): MlflowHttp {
  const headers = authorization === undefined ? {} : { authorization };
  const address: MlflowHttp["address"] = (path, query) => {
    const url = new URL(`${trackingUri.pathname.replace(/\/$/, "")}${path}`, trackingUri);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  };
  const fetchBounded = (url: URL, maxBytes: number, signal: AbortSignal) =>
    boundedFetch(url, "MLflow", { headers, timeoutMs: CALL_MS, maxBytes, signal });
  return {
    address,
    authenticated: authorization !== undefined,
    get: async (path, query, schema, signal) => {
      const answer = await fetchBounded(address(path, query), MAX_JSON, signal);
      if (isAbsent(answer)) return undefined;
      return parse(path, answer, schema);
    },
    getFile: async (path, query, maxBytes, signal) => {
      const answer = await fetchBounded(address(path, query), maxBytes, signal);
      if (isAbsent(answer)) return undefined;
      if (answer.status !== 200) throw classifyAnswer(path, answer);
      return answer.body;
    },
    openFile: async (path, query, signal) => {
      const answer = await fetch(address(path, query), { headers, redirect: "manual", signal }).catch(
        (error: unknown) => {
          throw new TransientError("unreachable", `MLflow at ${trackingUri.origin} gave no answer.`, { cause: error });
        },
      );
      if (answer.status === 200 && answer.body !== null) return Readable.fromWeb(answer.body as ReadableStream);
      await answer.body?.cancel();
      throw classifyAnswer(path, { status: answer.status, headers: answer.headers, body: Buffer.alloc(0) });
    },
  };
}

/** A missing alias is 400 INVALID_PARAMETER_VALUE, everything else that is missing 404 RESOURCE_DOES_NOT_EXIST. */
function isAbsent({ status, body }: BoundedAnswer): boolean {
  if (status !== 404 && status !== 400) return false;
  const said = errorOf(body);
  if (status === 404) return said?.error_code === "RESOURCE_DOES_NOT_EXIST";
  return said?.error_code === "INVALID_PARAMETER_VALUE" && said.message.startsWith("Registered model alias");
}

function errorOf(body: Buffer) {
  try {
    return errorAnswer.safeParse(JSON.parse(body.toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

function parse<T>(path: string, answer: BoundedAnswer, schema: z.ZodType<T>): T {
  if (answer.status !== 200) throw classifyAnswer(path, answer);
  let body: unknown;
  try {
    body = JSON.parse(answer.body.toString("utf8"));
  } catch {
    throw new PermanentError("bad-answer", `MLflow's answer to ${path} is not JSON.`);
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new PermanentError(
    "bad-answer",
    `MLflow's answer to ${path} is not understood at ${parsed.error.issues[0]?.path.join(".")}.`,
  );
}

/** What an answer other than 200 means; texts that are not MLflow's own are not repeated. */
function classifyAnswer(path: string, { status, headers, body }: BoundedAnswer): Error {
  const code = errorOf(body)?.error_code ?? "no code";
  const what = `MLflow answered ${path} with ${status} (${code})`;
  if (status === 401)
    return new PermanentError(
      "access-denied",
      `${what}: check MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD.`,
    );
  if (status === 403)
    return new PermanentError(
      "access-denied",
      `${what}: give Belay's MLflow user READ on the model, or name this host in MLflow's --allowed-hosts.`,
    );
  if (status === 408 || status === 409 || status === 429 || status >= 500)
    return new TransientError("unreachable", `${what}.`, { retryAfterSeconds: retryAfterSeconds(headers) });
  return new PermanentError("bad-answer", `${what}: check MLFLOW_TRACKING_URI.`);
}
