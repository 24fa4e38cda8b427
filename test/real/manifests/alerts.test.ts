import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { readManifests } from "../../../shared/config/read-manifests.ts";
import { renderRelease } from "../../../shared/domain/render-release.ts";
import { policyFor } from "../../pipeline/manifests.ts";

const run = promisify(execFile);
const BASE = resolve(import.meta.dirname, "../../../infra/kubernetes");
const MODEL = { name: "churn-classifier", version: "7", createdAt: 1 };

async function promtool(...args: string[]): Promise<string> {
  return (await run("promtool", args, { timeout: 60_000 })).stdout;
}

await promtool("--version").catch(() => {
  throw new Error("test:manifests needs promtool: it is in Debian's package prometheus, and in Prometheus' releases");
});

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "alerts-"));
  const served = new Set(["monitoring.coreos.com/v1 PrometheusRule"]);
  const release = renderRelease(await readManifests(BASE), policyFor(), MODEL, "registry/churn@sha256:1", [], served);
  const rule = release.fixed.find(({ kind }) => kind === "PrometheusRule");
  await writeFile(join(folder, "rules.yaml"), stringify(rule?.["spec"]));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("Prometheus takes the rendered alerts", async () => {
  expect(await promtool("check", "rules", join(folder, "rules.yaml"))).toContain("4 rules found");
});

const DEPLOYMENT = 'namespace="models",deployment="churn"';
const POD = 'namespace="models",pod="churn-5d4c7b9f6-x2x9z",container="model"';
const AUTOSCALER = 'namespace="models",horizontalpodautoscaler="churn-autoscaler"';

interface Course {
  name: string;
  alert: string;
  /** Values by series, one a minute; `3x20` is the same value twenty times more. */
  series: Readonly<Record<string, string>>;
  /** The alert fires at this minute, or not at all by the end. */
  minute: number;
  fires: boolean;
}

const replicas = (spec: string, available: string, labels = DEPLOYMENT) => ({
  [`kube_deployment_spec_replicas{${labels}}`]: spec,
  [`kube_deployment_status_replicas_available{${labels}}`]: available,
});
const restarts = (values: string, labels = POD) => ({
  [`kube_pod_container_status_restarts_total{${labels}}`]: values,
});
const progressing = (status: string, value: string) => ({
  [`kube_deployment_status_condition{${DEPLOYMENT},condition="Progressing",status="${status}"}`]: value,
});
const scaled = (current: number, least: number, most: number) => ({
  [`kube_horizontalpodautoscaler_status_current_replicas{${AUTOSCALER}}`]: `${current}x60`,
  [`kube_horizontalpodautoscaler_spec_min_replicas{${AUTOSCALER}}`]: `${least}x60`,
  [`kube_horizontalpodautoscaler_spec_max_replicas{${AUTOSCALER}}`]: `${most}x60`,
});
const course = (name: string, alert: string, series: Course["series"], minute: number, fires: boolean): Course => ({
  ...{ name, alert, series, minute, fires },
});

describe("an alert", () => {
  test.each<Course>([
    course("a pod missing for 11 minutes", "ModelReplicasDiffer", replicas("3x60", "2x60"), 11, true),
    course("a pod missing for 9 minutes", "ModelReplicasDiffer", replicas("3x60", "2x60"), 9, false),
    course("all pods there", "ModelReplicasDiffer", replicas("3x60", "3x60"), 30, false),
    course(
      "a pod of another workload missing",
      "ModelReplicasDiffer",
      replicas("3x60", "2x60", 'namespace="models",deployment="other"'),
      30,
      false,
    ),
    course("a restart every five minutes", "ModelRestarts", restarts("0x4 1x4 2x4 3x4 4x4 5x4"), 25, true),
    course("one restart", "ModelRestarts", restarts("0x9 1x50"), 20, false),
    course(
      "restarts of a workload whose name begins alike",
      "ModelRestarts",
      restarts("0+1x30", 'namespace="models",pod="churn-eu-5d4c7b9f6-x2x9z",container="model"'),
      25,
      false,
    ),
    course("a rollout that does not go on for 6 minutes", "ModelRolloutFailed", progressing("false", "1x30"), 6, true),
    course("a rollout that does not go on for 4 minutes", "ModelRolloutFailed", progressing("false", "1x30"), 4, false),
    course("a rollout that goes on", "ModelRolloutFailed", progressing("true", "1x30"), 20, false),
    course("an autoscaler at its end for 16 minutes", "ModelAtMaximumReplicas", scaled(10, 3, 10), 16, true),
    course("an autoscaler with more to give", "ModelAtMaximumReplicas", scaled(9, 3, 10), 30, false),
    course("an autoscaler that fixes the number", "ModelAtMaximumReplicas", scaled(3, 3, 3), 30, false),
  ])("$alert at $name: $fires", async ({ alert, series, minute, fires }) => {
    const file = join(folder, "test.yaml");
    const expr = `count(ALERTS{alertname="${alert}",alertstate="firing"})`;
    const tests = [
      {
        interval: "1m",
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [{ expr, eval_time: `${minute}m`, exp_samples: fires ? [{ labels: "{}", value: 1 }] : [] }],
      },
    ];
    await writeFile(file, stringify({ rule_files: ["rules.yaml"], evaluation_interval: "1m", tests }));
    expect(await promtool("test", "rules", file)).toContain("SUCCESS");
  });
});
