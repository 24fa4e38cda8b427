import { z } from "zod";

export interface Told {
  status: number;
  body: unknown;
  headers: Headers;
}

const refusal = z.object({ error_code: z.string(), message: z.string(), field: z.string().optional() });

/** Posts a body as JSON; text is sent as it is. */
export async function predict(url: string, body: unknown, type = "application/json"): Promise<Told> {
  const answer = await fetch(`${url}/predict`, {
    method: "POST",
    headers: { "content-type": type },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  return told(answer);
}

export async function get(url: string, path: string, method = "GET"): Promise<Told> {
  return told(await fetch(`${url}${path}`, { method, signal: AbortSignal.timeout(10_000) }));
}

async function told(answer: Response): Promise<Told> {
  const text = await answer.text();
  const isJson = answer.headers.get("content-type") === "application/json" && text !== "";
  return { status: answer.status, body: isJson ? JSON.parse(text) : text, headers: answer.headers };
}

/** What a 4xx or 5xx says. */
export function refusalOf({ body }: Told) {
  return refusal.parse(body);
}

/** Samples of /metrics by name and labels, as they are written. */
export async function readMetrics(url: string): Promise<Map<string, number>> {
  const { body } = await get(url, "/metrics");
  const lines = z.string().parse(body).split("\n");
  return new Map(
    lines
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}
