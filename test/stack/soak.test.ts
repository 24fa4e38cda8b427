import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSoak } from "../../infra/local/soak/run-soak.ts";
import { buildAppAside } from "./built-app.ts";
import { descendants } from "./processes.ts";

/** Enough for promotions, kills and faults to meet; the whole of it is `npm run soak`. */
const SIZE = { targets: 2, promotions: 6, kills: 3, wishingMs: 5_000, afterwardsMs: 0 };

const usual = process.env["TMPDIR"];
let app: Awaited<ReturnType<typeof buildAppAside>>;
let temporary: string;
let logs: string;
beforeAll(async () => {
  app = await buildAppAside();
  logs = mkdtempSync(join(tmpdir(), "soak-logs-"));
  temporary = mkdtempSync(join(tmpdir(), "soak-test-"));
  // Whatever the soak writes for a while goes here, where nobody else writes.
  process.env["TMPDIR"] = temporary;
}, 60_000);
afterAll(() => {
  if (usual === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = usual;
  for (const folder of [temporary, logs]) rmSync(folder, { recursive: true });
  app.remove();
});

/** Runs a soak and says what it printed and left. */
async function soak(signal: AbortSignal, logFile: string) {
  const lines: string[] = [];
  const before = descendants();
  const options = { short: true, seed: 7, size: SIZE, appDirectory: app.directory, logFile };
  const print = (line: string) => void lines.push(line);
  const good = await runSoak({ ...options, print, signal }).catch((error: unknown) => error);
  const left = [...descendants()].filter(([pid]) => !before.has(pid));
  return { good, text: lines.join("\n"), left: [...left, ...readdirSync(temporary)] };
}

test("a small soak loses nothing, does nothing twice, and leaves nothing behind", { timeout: 240_000 }, async () => {
  const { good, text, left } = await soak(new AbortController().signal, join(logs, "whole.log"));
  expect(text).toContain("Nothing is lost, double or unexpected.");
  expect(text).toMatch(/^\d+ promotions, [3-9] kills, .* seed 7\.$/m);
  expect(good).toBe(true);
  expect(left).toEqual([]);
});

test("a soak that is broken off leaves nothing behind", { timeout: 60_000 }, async () => {
  const interruption = new AbortController();
  const log = join(logs, "broken-off.log");
  const running = soak(interruption.signal, log);
  await expect.poll(() => (existsSync(log) ? readFileSync(log, "utf8") : ""), { timeout: 30_000 }).toContain("killed");
  interruption.abort();
  const { good, left } = await running;
  expect(good).toMatchObject({ name: "AbortError" });
  expect(left).toEqual([]);
});
