import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../../shared/config/configuration-error.ts";
import { checkPolicy, openPolicy } from "../../shared/config/read-policy.ts";
import { CHURN, check, checkTarget, SETTINGS } from "./policies.ts";

const ROOT = resolve(import.meta.dirname, "../..");

const FULL = `
version: 1
retention: { taskRuns: 1d, releases: 3650d, keep: 3 }
targets:
  churn-production:
    model: churn-classifier
    pointer: { tag: { key: deploy, value: production } }
    cluster: { aks: { resourceGroup: rg-other, name: aks-other } }
    namespace: scoring
    workload: churn
    gates: [ { metric: accuracy, above: 0.85 }, { metric: loss, below: 0.2 } ]
    build: { template: serving, baseImage: "python:3.12-slim", platform: linux/arm64, timeout: 1h30m, maxContext: 256MiB }
    rollout: { strategy: rolling, manifests: deploy/base, replicas: 5, maxSurge: 2, maxUnavailable: 1, startup: 90s, timeout: 20m }
    verify:
      timeout: 15m
      health: { path: /healthz, attempts: 10, interval: 500ms, successes: 2, timeout: 1s }
      predictions:
        path: /invocations
        count: 7
        maxLatency: 250ms
        samples: [ { request: { inputs: [[1, 2]] }, expected: [0.5], tolerance: 0.01 }, { request: { inputs: [[3, 4]] } } ]
    onFirstFailure: keep
    onMovedBack: keep
    onMissing: ignore
    notify: [log, webhook, slack, log]
`;

/** What is kept where the policy says nothing. */
const WEEK_AND_MONTH = { taskRunSeconds: 604_800, releaseSeconds: 2_592_000, keptReleases: 10 };

describe("a good policy", () => {
  test("says everything about a target", () => {
    const { targets, retention, problems } = check(FULL, { ...SETTINGS, notifiers: ["log", "webhook", "slack"] });
    expect(problems).toEqual([]);
    expect(retention).toEqual({ taskRunSeconds: 86_400, releaseSeconds: 315_360_000, keptReleases: 3 });
    expect(targets).toEqual([
      {
        target: "churn-production",
        model: "churn-classifier",
        pointer: { kind: "tag", key: "deploy", value: "production" },
        cluster: { kind: "aks", resourceGroup: "rg-other", name: "aks-other" },
        namespace: "scoring",
        workload: "churn",
        gates: [
          { kind: "metric", metric: "accuracy", bound: "above", threshold: 0.85 },
          { kind: "metric", metric: "loss", bound: "below", threshold: 0.2 },
        ],
        build: {
          template: "serving",
          baseImage: "python:3.12-slim",
          platform: "linux/arm64",
          timeoutSeconds: 5_400,
          maxContextBytes: 268_435_456,
        },
        rollout: {
          strategy: "rolling",
          manifests: "deploy/base",
          replicas: 5,
          maxSurge: 2,
          maxUnavailable: 1,
          startupSeconds: 90,
          timeoutSeconds: 1_200,
        },
        verify: {
          timeoutSeconds: 900,
          health: { path: "/healthz", attempts: 10, intervalSeconds: 0.5, successes: 2, timeoutSeconds: 1 },
          predictions: {
            path: "/invocations",
            count: 7,
            maxLatencySeconds: 0.25,
            samples: [
              { request: { inputs: [[1, 2]] }, expected: [0.5], tolerance: 0.01 },
              { request: { inputs: [[3, 4]] }, tolerance: 0.001 },
            ],
          },
        },
        firstFailure: "keep",
        movedBack: "keep",
        missing: "ignore",
        notify: ["log", "webhook", "slack"],
      },
    ]);
  });

  test("has the field's defaults where it says nothing", () => {
    expect(check(`version: 1\ntargets:\n  churn:${CHURN}`)).toEqual({
      problems: [],
      retention: WEEK_AND_MONTH,
      targets: [
        {
          target: "churn",
          model: "churn-classifier",
          pointer: { kind: "alias", alias: "champion" },
          cluster: { kind: "aks", resourceGroup: "rg-models", name: "aks-models" },
          namespace: "models",
          workload: "churn",
          gates: [],
          build: {
            template: "infra/serving",
            baseImage: "scratch",
            platform: "linux/amd64",
            timeoutSeconds: 3_600,
            maxContextBytes: 10_737_418_240,
          },
          rollout: {
            strategy: "rolling",
            manifests: "infra/kubernetes",
            replicas: 3,
            maxSurge: 1,
            maxUnavailable: 0,
            startupSeconds: 150,
            timeoutSeconds: 600,
          },
          verify: {
            timeoutSeconds: 600,
            health: { path: "/ready", attempts: 30, intervalSeconds: 3, successes: 3, timeoutSeconds: 2 },
            predictions: { path: "/predict", count: 5, maxLatencySeconds: 2, samples: [] },
          },
          firstFailure: "scale-to-zero",
          movedBack: "follow",
          missing: "tell",
          notify: ["log"],
        },
      ],
    });
  });

  test("takes a target's word first, then its defaults, entry by entry", () => {
    const { targets, problems } = check(`
version: 1
defaults:
  namespace: scoring
  rollout: { replicas: 5, maxSurge: 2 }
  verify: { timeout: 20m, health: { attempts: 10, interval: 1s } }
  gates: [ { metric: accuracy, above: 0.9 } ]
  onMovedBack: keep
  onMissing: ignore
targets:
  churn:${CHURN}
    rollout: { replicas: 2 }
    onMovedBack: follow
    verify: { health: { attempts: 20 } }
  fraud:
    model: fraud
    pointer: { newest: true }
    namespace: fraud
    gates: []
`);
    expect(problems).toEqual([]);
    expect(targets).toMatchObject([
      {
        namespace: "scoring",
        rollout: { replicas: 2, maxSurge: 2, maxUnavailable: 0 },
        verify: { timeoutSeconds: 1_200, health: { attempts: 20, intervalSeconds: 1, successes: 3 } },
        gates: [{ metric: "accuracy" }],
        movedBack: "follow",
        missing: "ignore",
      },
      { namespace: "fraud", pointer: { kind: "newest" }, gates: [], rollout: { replicas: 5 }, movedBack: "keep" },
    ]);
  });

  test.each(["None", "Staging", "Production", "Archived"])("follows the stage %s", (stage) => {
    const { targets, problems } = check(`version: 1\ntargets:\n  churn: { model: m, pointer: { stage: ${stage} } }`);
    expect(problems).toEqual([]);
    expect(targets).toMatchObject([{ pointer: { kind: "stage", stage } }]);
  });

  test("says how long a part of what is left behind is kept, and the field says the rest", () => {
    const retention = (entry: string) => check(`version: 1\nretention: ${entry}\ntargets:\n  churn:${CHURN}`);
    expect(retention("{}")).toMatchObject({ problems: [], retention: WEEK_AND_MONTH });
    expect(retention("{ releases: 90d }")).toMatchObject({
      problems: [],
      retention: { ...WEEK_AND_MONTH, releaseSeconds: 7_776_000 },
    });
    expect(retention("{ taskRuns: 36h, keep: 30 }")).toMatchObject({
      problems: [],
      retention: { ...WEEK_AND_MONTH, taskRunSeconds: 129_600, keptReleases: 30 },
    });
  });

  test("takes what a cluster's entry leaves out from the settings", () => {
    const cluster = (entry: string, clusters = SETTINGS.clusters) =>
      checkTarget(entry, { ...SETTINGS, clusters }).targets[0]?.cluster;
    expect(cluster("cluster: { aks: { name: aks-2 } }")).toEqual({
      kind: "aks",
      resourceGroup: "rg-models",
      name: "aks-2",
    });
    expect(cluster("cluster: { kubeconfig: {} }")).toEqual({ kind: "kubeconfig" });
    expect(cluster("cluster: { kubeconfig: { context: lab } }")).toEqual({ kind: "kubeconfig", context: "lab" });
    expect(cluster("", { kubeconfig: "/kubeconfig" })).toEqual({ kind: "kubeconfig" });
    expect(cluster("", { ...SETTINGS.clusters, kubeconfig: "/kubeconfig" })).toMatchObject({ kind: "aks" });
  });

  test("is the one at the project's root, and it says there what the defaults are", () => {
    const { targets, retention } = checkPolicy(openPolicy(ROOT, "delivery.yaml"), SETTINGS);
    expect(retention).toEqual(WEEK_AND_MONTH);
    const [own] = targets;
    const [bare] = check(`version: 1\ntargets:\n  churn-production:${CHURN}\n    workload: churn`).targets;
    expect({ ...own, gates: [] }).toEqual(bare);
  });
});

describe("a file that is no policy", () => {
  test.each([
    { name: "not there", text: undefined, found: "a file that cannot be read (ENOENT)" },
    { name: "not YAML", text: "targets: [", found: "text that is not understood" },
    { name: "an unknown tag", text: "version: !!js/function 1", found: "text that is not understood: Unresolved tag" },
    {
      name: "a key twice",
      text: "version: 1\nversion: 1",
      found: "text that is not understood: Map keys must be unique",
    },
    { name: "an alias to itself", text: "targets: &all [*all]", found: "text that is not understood: the alias *all" },
    {
      name: "two documents",
      text: "version: 1\n---\nversion: 1",
      found: "text that is not understood: Source contains multiple",
    },
    { name: "too long", text: `# ${"x".repeat(262_144)}`, found: "262146 characters" },
    { name: "empty", text: "", found: "nothing" },
    { name: "a list", text: "- 1", found: "a list of 1" },
  ])("$name: one message, and what to do", ({ text, found }) => {
    const folder = mkdtempSync(join(tmpdir(), "policy-"));
    try {
      if (text !== undefined) writeFileSync(join(folder, "policy.yaml"), text);
      const { problems } = checkPolicy(openPolicy(folder, "policy.yaml"), SETTINGS);
      expect(problems).toHaveLength(1);
      expect(new ConfigurationError(problems).message).toContain(`found ${found}`);
      expect(problems[0]?.where).toContain("policy.yaml");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
