import { join, resolve } from "node:path";
import { ALIAS } from "../demo/models.ts";
import { signDelivery } from "../demo/sign-delivery.ts";
import { startChild } from "./child.ts";
import { formatRatio, type Row } from "./report.ts";
import { median } from "./statistics.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const SCRIPT = join(import.meta.dirname, "load-once.ts");
const BUNDLED = join(ROOT, "dist/index.js");
const UNBUNDLED = join(ROOT, "functions/index.ts");
const AIM = 1 / 3;

/** From the import to the webhook's first answer, in fresh processes in turn: the bundle that is deployed against its sources. */
export async function loadingRows(
  environment: Readonly<Record<string, string>>,
  secret: string,
  times: number,
): Promise<readonly Row[]> {
  const bundled: number[] = [];
  const unbundled: number[] = [];
  for (let round = 0; round < times; round++) {
    bundled.push(await loadOnce(BUNDLED, environment, secret));
    unbundled.push(await loadOnce(UNBUNDLED, environment, secret));
  }
  const [fast, slow] = [median(bundled), median(unbundled)];
  const missed = fast / slow > AIM ? "  missed" : "";
  return [
    { what: "dist/index.js", value: `${Math.round(fast)} ms`, detail: listed(bundled) },
    { what: "functions/index.ts", value: `${Math.round(slow)} ms`, detail: listed(unbundled) },
    { what: "  bundled / unbundled", value: `${formatRatio(fast, slow)} (aim <= 0.33)${missed}` },
  ];
}

async function loadOnce(entry: string, environment: Readonly<Record<string, string>>, secret: string): Promise<number> {
  const delivery = signDelivery(secret, { name: "nobody-follows-this", alias: ALIAS, version: "1" });
  const child = await startChild(SCRIPT, [], {
    ...environment,
    BENCH_ENTRY: entry,
    BENCH_DELIVERY: JSON.stringify(delivery),
  });
  await child.stop();
  const milliseconds = Number(child.line);
  if (!Number.isFinite(milliseconds)) throw new Error(`${entry}: ${child.line}`);
  return milliseconds;
}

function listed(milliseconds: readonly number[]): string {
  return milliseconds.map((one) => `${Math.round(one)}`).join(", ");
}
