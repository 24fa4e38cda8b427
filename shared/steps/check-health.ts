import type { Clock } from "../ports/clock.ts";

/** How one system that Belay depends on answers. */
export interface SystemHealth {
  system: string;
  ok: boolean;
  /** Why it is not ok, without secrets. */
  reason?: string;
}

export interface HealthReport {
  status: "ok" | "degraded";
  systems: readonly SystemHealth[];
}

/** Each system may take this long to answer. */
const CHECK_MS = 4_000;

/** Asks every system at once whether it answers; never throws. */
export async function checkHealth(
  systems: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>,
  clock: Clock,
): Promise<HealthReport> {
  const found = await Promise.all(Object.entries(systems).map(([system, ping]) => check(system, ping, clock)));
  return { status: found.every(({ ok }) => ok) ? "ok" : "degraded", systems: found };
}

async function check(
  system: string,
  ping: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
): Promise<SystemHealth> {
  const signal = clock.timeout(CHECK_MS);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error(`no answer within ${CHECK_MS / 1000} s`)), { once: true });
  });
  try {
    await Promise.race([ping(signal), late]);
    return { system, ok: true };
  } catch (error) {
    return { system, ok: false, reason: error instanceof Error ? error.message.slice(0, 300) : "unknown" };
  }
}
