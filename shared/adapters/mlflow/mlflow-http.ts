import type { Readable } from "node:stream";
import type { z } from "zod";
import { PermanentError, TransientError } from "../../domain/errors.ts";
import { AnswerTooLargeError, type BoundedAnswer, boundedFetch, retryAfterSeconds } from "../http/bounded-fetch.ts";
import { openStream } from "../http/open-stream.ts";
import { errorAnswer } from "./schemas.ts";

export interface MlflowHttp {
  /** Undefined: MLflow says that it is not there. */
  get<T>(
    path: string,
    query: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T | undefined>;
  /** Undefined: MLflow says that it is not there, or it has more than `maxBytes`. */
  getFile(
    path: string,
    query: Readonly<Record<string, string>>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Buffer | undefined>;
  /** Undefined: it is not there. */
  openFile(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Readable | undefined>;
  /** Holds no credentials. */
  address(path: string, query: Readonly<Record<string, string>>): URL;
  /** Whether addresses need credentials beside them. */
  readonly authenticated: boolean;
}

const CALL_MS = 15_000;
const MAX_JSON = 16 * 1024 * 1024;

/**
 * Calls to one MLflow tracking server. `authorization` is the header's value; without it, name and password in the
 * tracking URI are used, as MLflow's own client does. `callMs` is the limit of a call, and of each piece of a file.
 */
export function createMlflowHttp(trackingUri: URL, authorization?: string, callMs = CALL_MS): MlflowHttp {
  const credentials = authorization ?? basicOf(trackingUri);
  const headers = credentials === undefined ? {} : { authorization: credentials };
  const address: MlflowHttp["address"] = (path, query) => {
    const url = new URL(trackingUri.origin);
    url.pathname = `${trackingUri.pathname.replace(/\/$/, "")}${path}`;
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  };
  const fetchBounded = (url: URL, maxBytes: number, signal: AbortSignal) =>
    boundedFetch(url, "MLflow", { headers, timeoutMs: callMs, maxBytes, signal });
  return {
    address,
    authenticated: credentials !== undefined,
    get: async (path, query, schema, signal) => {
      const answer = await fetchBounded(address(path, query), MAX_JSON, signal);
      if (isAbsent(answer)) return undefined;
      return parse(path, answer, schema);
    },
    getFile: async (path, query, maxBytes, signal) => {
      const answer = await fetchBounded(address(path, query), maxBytes, signal).catch(undefinedIfTooLarge);
      if (answer === undefined || isAbsent(answer)) return undefined;
      if (answer.status !== 200) throw classifyAnswer(path, answer);
      return answer.body;
    },
    openFile: async (path, query, signal) => {
      const {
        status,
        headers: said,
        body,
      } = await openStream(address(path, query), "MLflow", {
        headers,
        timeoutMs: callMs,
        signal,
      });
      if (status === 200) return body;
      body.destroy();
      if (status === 404) return undefined;
      throw classifyAnswer(path, { status, headers: said, body: Buffer.alloc(0) });
    },
  };
}

function basicOf({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

function undefinedIfTooLarge(error: unknown): undefined {
  if (!(error instanceof AnswerTooLargeError)) throw error;
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
  const said = errorOf(body)?.error_code ?? "";
  // MLflow's codes look like this; anything else may be an echo of what was sent.
  const code = /^[A-Z_]{1,64}$/.test(said) ? said : "no code";
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
  if (status === 400) return new PermanentError("bad-answer", `${what}: it does not take what it was asked.`);
  return new PermanentError("bad-answer", `${what}: check MLFLOW_TRACKING_URI.`);
}
