import { Agent, request } from "node:http";

/** What became of the requests of a load. */
export interface Load {
  /** By status. */
  answers: Map<number, number>;
  /** Sent, but without a whole answer. */
  lost: string[];
  /** Not sent: nobody listened any more. */
  refused: number;
  seconds: number;
  /** Milliseconds of each answer. */
  latencies: number[];
}

export interface LoadOptions {
  clients: number;
  /** Whether another request is sent. */
  goesOn: () => boolean;
  /** Default: connections are kept. */
  keepAlive?: boolean;
}

/** So many clients, each sending its next request when it has the answer of the last. */
export async function load(
  url: string,
  body: string,
  { clients, goesOn, keepAlive = true }: LoadOptions,
): Promise<Load> {
  const agent = new Agent({ keepAlive, maxSockets: clients });
  const result: Load = { answers: new Map(), lost: [], refused: 0, seconds: 0, latencies: [] };
  const started = performance.now();
  const client = async () => {
    while (goesOn()) await sendOne(agent, url, body, result);
  };
  await Promise.all(Array.from({ length: clients }, client));
  result.seconds = (performance.now() - started) / 1_000;
  agent.destroy();
  return result;
}

async function sendOne(agent: Agent, url: string, body: string, result: Load): Promise<void> {
  const started = performance.now();
  try {
    const status = await post(agent, url, body);
    result.answers.set(status, (result.answers.get(status) ?? 0) + 1);
    result.latencies.push(performance.now() - started);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    if (code === "ECONNREFUSED") result.refused += 1;
    else result.lost.push(code);
  }
}

function post(agent: Agent, url: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(url, { method: "POST", agent, headers, timeout: 60_000 }, (answer) => {
      answer.resume();
      answer.once("error", reject).once("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.once("timeout", () => sent.destroy(new Error("no answer")));
    sent.once("error", reject);
    sent.end(body);
  });
}

/** The sum of all answers. */
export function answered({ answers }: Load): number {
  return [...answers.values()].reduce((sum, count) => sum + count, 0);
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
