import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { BUS_KEY, SECRET, SETTINGS } from "../functions/settings.ts";
import { refusedStart, startHostProcess } from "../local/functions-host/host-process.ts";
import { buildAppAside } from "./built-app.ts";

const HIDDEN = [SECRET, BUS_KEY, "bm9ib2R5LW1heS1zZWUtdGhpcw=="];

let app: Awaited<ReturnType<typeof buildAppAside>>;
beforeAll(async () => {
  app = await buildAppAside();
});
afterAll(() => app.remove());

/** A policy of its own, as a file. */
function writePolicy(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "policy-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "delivery.yaml");
  writeFileSync(file, text);
  return file;
}

const POLICY = `version: 1
targets:
  churn:
    model: churn
    pointer: { alias: champion }
    cluster: { kubeconfig: {} }
`;

describe("what cannot work stops the app with one message and exit code 1", () => {
  test.for<[name: string, settings: () => Record<string, string>, told: readonly string[]]>([
    [
      "a missing secret, a bad address and an unknown key of the policy are told together",
      () => ({
        MLFLOW_WEBHOOK_SECRET: "",
        MLFLOW_TRACKING_URI: "mlflow",
        DELIVERY_POLICY: writePolicy(`${POLICY}    replicas: 3\n    verfy: { timeout: 2m }\n`),
      }),
      ["MLFLOW_WEBHOOK_SECRET", "MLFLOW_TRACKING_URI", "replicas", "verfy"],
    ],
    [
      "a policy that is not there",
      () => ({ DELIVERY_POLICY: "/nowhere/delivery.yaml" }),
      ["/nowhere/delivery.yaml", "ENOENT"],
    ],
    [
      "a policy that is not YAML",
      () => ({ DELIVERY_POLICY: writePolicy("version: 1\ntargets: {\n") }),
      ["delivery.yaml:"],
    ],
    [
      "a policy that cannot work",
      () => ({ DELIVERY_POLICY: writePolicy(`${POLICY}    verify: { timeout: 5s }\n`) }),
      ["verify.timeout"],
    ],
  ])("%s", async ([, settings, told]) => {
    const { code, stderr } = await refusedStart({
      appDirectory: app.directory,
      environment: { ...SETTINGS, ...settings() },
    });
    for (const part of told) expect(stderr).toContain(part);
    expect(stderr.match(/in the configuration:/g)).toHaveLength(1);
    for (const secret of HIDDEN) expect(stderr).not.toContain(secret);
    expect(code).toBe(1);
  });
});

test("systems that cannot be reached do not keep the app from starting: health names each of them", async () => {
  const host = await startHostProcess({ appDirectory: app.directory, environment: SETTINGS });
  const answer = await fetch(`${host.url}/api/health`, { signal: AbortSignal.timeout(10_000) });
  const report: unknown = await answer.json();
  expect(answer.status).toBe(503);
  expect(report).toMatchObject({
    status: "degraded",
    systems: ["Service Bus", "Table Storage", "MLflow", "container registry", "cluster of churn-production"].map(
      (system) => ({ system, ok: false, reason: expect.stringMatching(/\w/) }),
    ),
  });
  for (const secret of HIDDEN) expect(JSON.stringify([report, host.lines])).not.toContain(secret);
  expect(await host.stop()).toBe(0);
});
