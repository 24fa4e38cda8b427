import { request } from "node:http";
import { z } from "zod";
import type { Clock } from "../../../infra/local/mlflow/clock.ts";
import { createMlflowServer, type MlflowServer, type MlflowServerOptions } from "../../../infra/local/mlflow/server.ts";

/** An answer as a test looks at it: parsed where it is JSON, text otherwise. */
export interface Seen {
  status: number;
  contentType: string;
  body: unknown;
}

export const API = "/api/2.0/mlflow";

/** One call, with JSON bodies also on DELETE and PATCH. */
export async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = { "content-type": "application/json" },
): Promise<Seen> {
  const response = await fetch(url + path, {
    method,
    signal: AbortSignal.timeout(15_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers }),
  });
  const text = await response.text();
  const contentType = response.headers.get("content-type") ?? "";
  return {
    status: response.status,
    contentType,
    body: contentType.startsWith("application/json") ? JSON.parse(text) : text,
  };
}

/** A call with headers that fetch does not let through, such as Host. */
export function callRaw(
  url: string,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request(url + path, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    })
      .on("error", reject)
      .end();
  });
}

/** The property at the path of an answer; undefined when it is not there. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (found, key) => (typeof found === "object" && found !== null ? Reflect.get(found, key) : undefined),
    value,
  );
}

export const text = (value: unknown): string => z.string().parse(value);

/** A stand-in for the length of one test. */
export async function withServer<T>(
  use: (url: string, server: MlflowServer) => Promise<T>,
  options: MlflowServerOptions = {},
): Promise<T> {
  const server = createMlflowServer(options);
  const url = await server.listen();
  try {
    return await use(url, server);
  } finally {
    await server.close();
  }
}

/** Sleeping moves this clock and takes no time; the 30 s limit of an attempt never passes. */
export function createVirtualClock(start: number): Clock {
  let now = start;
  return {
    now: () => now,
    async sleep(milliseconds, signal) {
      if (milliseconds === 30_000) {
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("over"))));
      }
      now += milliseconds;
    },
  };
}
