import { z } from "zod";
import type { Stack } from "../stack/stack.ts";
import { type Counts, sum } from "./counts.ts";

/** Every counter of the stack at one moment. */
export interface Readings {
  executions: Counts;
  serviceBus: Counts;
  tables: Counts;
  arm: Counts;
  kubernetes: Counts;
  registry: Counts;
}

const executions = z.record(z.string(), z.object({ started: z.number() }));
const LIMIT_MS = 5_000;

/** Reads all counters; reading them is counted nowhere. */
export async function readCounters(stack: Stack): Promise<Readings> {
  const answer = await fetch(`${stack.appUrl()}/admin/local/executions`, {
    headers: { "x-functions-key": stack.functionKey },
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  if (!answer.ok) throw new Error(`The functions host answered ${answer.status} when asked for its executions.`);
  const started = Object.entries(executions.parse(await answer.json())).map(([name, one]) => [name, one.started]);
  const { serviceBus, tables, arm, kubernetesOfApp, registry } = stack.standIns.counters();
  return { executions: Object.fromEntries(started), serviceBus, tables, arm, kubernetes: kubernetesOfApp, registry };
}

/** Fires a queue's function with this message, as the host's admin endpoint allows. */
export async function fire(stack: Stack, name: string, message: unknown): Promise<void> {
  const answer = await fetch(`${stack.appUrl()}/admin/functions/${name}`, {
    method: "POST",
    headers: { "x-functions-key": stack.functionKey, "content-type": "application/json" },
    body: JSON.stringify({ input: JSON.stringify(message) }),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  if (answer.status !== 202) throw new Error(`The functions host answered ${answer.status} when ${name} was fired.`);
}

const LOOK_MS = 100;

/** Waits until nobody has asked anything of bus, table or ARM for so long. */
export async function quiet(stack: Stack, forMs: number, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  const read = () => {
    const { serviceBus, tables, arm } = stack.standIns.counters();
    return sum(serviceBus) + sum(tables) + sum(arm);
  };
  let last = read();
  let since = performance.now();
  while (performance.now() - since < forMs) {
    if (performance.now() > deadline) throw new Error(`The app was not done within ${limitMs / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const next = read();
    if (next === last) continue;
    last = next;
    since = performance.now();
  }
}
