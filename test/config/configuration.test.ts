import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readConfiguration } from "../../shared/config/configuration.ts";
import { ENOUGH } from "./variables.ts";

const POLICY = `version: 1
targets:
  churn:
    model: m
    pointer: { newest: true }
    build: { template: serving }
    rollout: { manifests: base }
`;

/** An app's folder with a policy and what it names. */
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "configuration-"));
  for (const folder of ["serving", "base", "chunks"]) mkdirSync(join(root, folder));
  writeFileSync(join(root, "host.json"), "{}");
  writeFileSync(join(root, "serving/Dockerfile"), "FROM scratch\n");
  writeFileSync(join(root, "delivery.yaml"), POLICY);
});
afterEach(() => rmSync(root, { recursive: true }));

test("settings and policy are read together; the policy's cluster comes from the settings", () => {
  const { environment, policy } = readConfiguration(root, ENOUGH);
  expect(environment.aksClusterName).toBe("aks-belay");
  expect(policy.folder).toBe(root);
  expect(policy.targets).toMatchObject([{ cluster: { kind: "aks", resourceGroup: "rg-belay", name: "aks-belay" } }]);
});

test("the policy's retention is read with it", () => {
  writeFileSync(join(root, "delivery.yaml"), `${POLICY}retention: { taskRuns: 2d, releases: 14d, keep: 4 }\n`);
  expect(readConfiguration(root, ENOUGH).policy.retention).toEqual({
    taskRunSeconds: 172_800,
    releaseSeconds: 1_209_600,
    keptReleases: 4,
  });
});

test("the app's root is found from its chunks, too", () => {
  expect(readConfiguration(join(root, "chunks"), ENOUGH).policy.folder).toBe(root);
});

test("problems of both are told together, also when the settings say where the policy is", () => {
  writeFileSync(join(root, "other.yaml"), `${POLICY}\ncolour: blue\n`);
  const variables = { ...ENOUGH, MLFLOW_WEBHOOK_SECRET: "", DELIVERY_POLICY: "other.yaml" };
  expect(() => readConfiguration(root, variables)).toThrow(
    /^2 problems[\s\S]*MLFLOW_WEBHOOK_SECRET[\s\S]*other\.yaml:9:1 colour/,
  );
});

test("a policy that needs settings which are not there is refused", () => {
  writeFileSync(join(root, "delivery.yaml"), `${POLICY}    notify: [slack]\n`);
  const variables = { ...ENOUGH, AZURE_AKS_CLUSTER_NAME: "" };
  expect(() => readConfiguration(root, variables)).toThrow(
    /^2 problems[\s\S]*SLACK_WEBHOOK_URL[\s\S]*AZURE_AKS_CLUSTER_NAME/,
  );
});

test("folders that were not deployed with the app are told before anything needs them", () => {
  rmSync(join(root, "serving"), { recursive: true });
  rmSync(join(root, "base"), { recursive: true });
  expect(() => readConfiguration(root, ENOUGH)).toThrow(/^2 problems[\s\S]*build\.template[\s\S]*rollout\.manifests/);
});

test("an unknown key in local.settings.json is told with the rest, and the known one that was meant", () => {
  writeFileSync(join(root, "local.settings.json"), '{ "Values": { "MLFLOW_TRACKING_URL": "x" } }');
  expect(() => readConfiguration(root, ENOUGH)).toThrow(
    /local.settings.json Values.MLFLOW_TRACKING_URL[\s\S]*MLFLOW_TRACKING_URI/,
  );
  writeFileSync(join(root, "local.settings.json"), "{");
  expect(() => readConfiguration(root, ENOUGH)).toThrow("a file that is not JSON");
});
