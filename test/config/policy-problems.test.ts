import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../../shared/config/configuration-error.ts";
import { CHURN, check, checkTarget, SETTINGS } from "./policies.ts";

/** The only problem of a target with these entries. */
function only(entries: string, settings = SETTINGS) {
  const { problems } = checkTarget(entries, settings);
  expect(problems).toHaveLength(1);
  return problems[0];
}

describe("what is wrong is told with its place, what was found, what is allowed and what to do", () => {
  test("a bare number for a duration", () => {
    expect(only("verify: { health: { interval: 3 } }")).toEqual({
      where: "delivery.yaml:6:25 targets.churn.verify.health.interval",
      found: "3 (number)",
      allowed: "a duration with its unit, such as 500ms, 3s, 5m, 1h30m or 7d, from 100ms to 10m",
      remedy: "Write 3s if seconds were meant.",
    });
  });

  test("a bare number for a size", () => {
    expect(only("build: { maxContext: 10 }")).toMatchObject({ remedy: "Write 10GiB if gibibytes were meant." });
  });

  test("an unknown key, with the one that was meant", () => {
    expect(only("rollout: { maxSurg: 2 }")).toEqual({
      where: "delivery.yaml:6:16 targets.churn.rollout.maxSurg",
      found: 'the unknown key "maxSurg"',
      allowed: "strategy, manifests, replicas, autoscaling, maxSurge, maxUnavailable, startup, timeout, bake",
      remedy: "Write maxSurge.",
    });
  });

  test("a model's name with half a character", () => {
    const text = 'version: 1\ntargets:\n  churn: { model: "churn\\ud800", pointer: { alias: champion } }\n';
    expect(check(text).problems).toMatchObject([
      { where: expect.stringContaining("targets.churn.model"), allowed: "a text of 1 to 2000 characters" },
    ]);
  });

  test("an unknown key like no other", () => {
    expect(only("colour: blue")).toMatchObject({
      where: "delivery.yaml:6:5 targets.churn.colour",
      remedy: "Remove it.",
    });
  });

  test.each([
    { entries: "namespace: Models", path: "namespace", allowed: "a Kubernetes name" },
    { entries: "workload: 1churn", path: "workload", allowed: "a Kubernetes name" },
    { entries: "rollout: { replicas: 0 }", path: "rollout.replicas", allowed: "a whole number from 1 to 1000" },
    { entries: "rollout: { replicas: 2.5 }", path: "rollout.replicas", allowed: "a whole number from 1 to 1000" },
    { entries: "rollout: { maxSurge: 25% }", path: "rollout.maxSurge", allowed: "a whole number from 0 to 1000" },
    { entries: "rollout: { startup: 2h }", path: "rollout.startup", allowed: "from 1s to 1h" },
    { entries: "rollout: { strategy: canary }", path: "rollout.strategy", allowed: "rolling" },
    {
      entries: "rollout: { manifests: /etc }",
      path: "rollout.manifests",
      allowed: "a folder relative to the policy's own",
    },
    { entries: "build: { template: ../elsewhere }", path: "build.template", allowed: "without .." },
    { entries: "build: { template: a/../../b }", path: "build.template", allowed: "without .." },
    {
      entries: "build: { platform: windows/amd64 }",
      path: "build.platform",
      allowed: "one of linux/amd64, linux/arm64",
    },
    { entries: "build: { baseImage: 'a b' }", path: "build.baseImage", allowed: "an image" },
    {
      entries: "verify: { health: { path: ready } }",
      path: "verify.health.path",
      allowed: "a path that starts with /",
    },
    { entries: "verify: { predictions: { count: 0 } }", path: "verify.predictions.count", allowed: "from 1 to 100" },
    {
      entries: "verify: { predictions: { samples: [ 1 ] } }",
      path: "verify.predictions.samples.0",
      allowed: "a mapping",
    },
    {
      entries: "verify: { predictions: { samples: [ {} ] } }",
      path: "verify.predictions.samples.0.request",
      allowed: "a mapping",
    },
    {
      entries: "verify: { predictions: { samples: [ { request: { a: .nan } } ] } }",
      path: "verify.predictions.samples.0.request.a",
      allowed: "what JSON can hold",
    },
    {
      entries: "verify: { predictions: { samples: [ { request: {}, expected: [.inf] } ] } }",
      path: "verify.predictions.samples.0.expected.0",
      allowed: "a number",
    },
    {
      entries: "verify: { predictions: { samples: [ { request: {}, tolerance: -1 } ] } }",
      path: "verify.predictions.samples.0.tolerance",
      allowed: "a number from 0 up",
    },
    { entries: "gates: [ { metric: a } ]", path: "gates.0", allowed: "exactly one of above, below" },
    {
      entries: "gates: [ { metric: a, above: 1, below: 2 } ]",
      path: "gates.0",
      allowed: "exactly one of above, below",
    },
    { entries: "gates: [ { metric: a, above: high } ]", path: "gates.0.above", allowed: "a number" },
    { entries: "gates: { metric: a, above: 1 }", path: "gates", allowed: "a list of at most 50 entries" },
    { entries: "cluster: { aks: {}, kubeconfig: {} }", path: "cluster", allowed: "exactly one of aks, kubeconfig" },
    { entries: "cluster: {}", path: "cluster", allowed: "exactly one of aks, kubeconfig" },
    { entries: "notify: [ mail ]", path: "notify.0", allowed: "one of log, webhook, slack" },
    { entries: "onFirstFailure: delete", path: "onFirstFailure", allowed: "one of scale-to-zero, keep" },
    { entries: "onMovedBack: back", path: "onMovedBack", allowed: "one of follow, keep" },
    { entries: "onMissing: stop", path: "onMissing", allowed: "one of tell, ignore" },
    { entries: "build:", path: "build", allowed: "a mapping" },
  ])("$entries", ({ entries, path, allowed }) => {
    const problem = only(entries);
    expect(problem?.where).toMatch(
      new RegExp(`^delivery\\.yaml:6:\\d+ targets\\.churn\\.${path.replaceAll(".", "\\.")}$`),
    );
    expect(problem?.allowed).toContain(allowed);
  });

  test.each([
    { pointer: "{}" },
    { pointer: "{ alias: a, newest: true }" },
    { pointer: "{ alias: a, tag: { key: k, value: v } }" },
    { pointer: "{ newest: true, tag: { key: k, value: v } }" },
    { pointer: "{ stage: Production, alias: a }" },
    { pointer: "{ alias: a, tag: { key: k, value: v }, newest: true, stage: None }" },
  ])("a pointer of $pointer", ({ pointer }) => {
    const { problems } = check(`version: 1\ntargets:\n  churn:\n    model: m\n    pointer: ${pointer}`);
    expect(problems).toMatchObject([
      { where: "delivery.yaml:5:5 targets.churn.pointer", allowed: "exactly one of alias, tag, newest, stage" },
    ]);
  });

  test.each(["production", "Live", "null", "1"])("a pointer to the stage %s, which MLflow does not know", (stage) => {
    const { problems } = check(`version: 1\ntargets:\n  churn:\n    model: m\n    pointer: { stage: ${stage} }`);
    expect(problems).toMatchObject([
      {
        where: "delivery.yaml:5:16 targets.churn.pointer.stage",
        allowed: "one of None, Staging, Production, Archived",
      },
    ]);
  });

  test.each([
    { entry: "{ taskRuns: 7 }", path: "taskRuns", allowed: "from 1d to 3650d", remedy: "Write 7d if days were meant." },
    { entry: "{ taskRuns: 23h }", path: "taskRuns", allowed: "from 1d to 3650d", remedy: "Correct it." },
    { entry: "{ releases: 3651d }", path: "releases", allowed: "from 1d to 3650d", remedy: "Correct it." },
    { entry: "{ releases: 1y }", path: "releases", allowed: "a duration with its unit", remedy: "Correct it." },
    { entry: "{ keep: 0 }", path: "keep", allowed: "a whole number from 1 to 30", remedy: "Correct it." },
    { entry: "{ keep: 31 }", path: "keep", allowed: "a whole number from 1 to 30", remedy: "Correct it." },
    { entry: "{ keep: 2.5 }", path: "keep", allowed: "a whole number from 1 to 30", remedy: "Correct it." },
    { entry: "{ taskRun: 7d }", path: "taskRun", allowed: "taskRuns, releases, keep", remedy: "Write taskRuns." },
  ])("a retention of $entry", ({ entry, path, allowed, remedy }) => {
    const { problems } = check(`version: 1\nretention: ${entry}\ntargets:\n  churn:${CHURN}`);
    expect(problems).toMatchObject([{ where: `delivery.yaml:2:14 retention.${path}`, remedy }]);
    expect(problems[0]?.allowed).toContain(allowed);
  });

  test("a retention of one target or of the defaults: it is the whole policy's", () => {
    expect(only("retention: { keep: 5 }")).toMatchObject({ found: 'the unknown key "retention"' });
    const { problems } = check(`version: 1\ndefaults: { retention: {} }\ntargets:\n  churn:${CHURN}`);
    expect(problems).toMatchObject([{ where: "delivery.yaml:2:13 defaults.retention" }]);
  });

  test.each(["Churn", "churn-", "-churn", "c", "1churn", "churn_a", "c".repeat(41)])("a target named %s", (name) => {
    const { problems } = check(`version: 1\ntargets:\n  ${name}:${CHURN}`);
    expect(problems).toMatchObject([{ where: `delivery.yaml:3:3 targets.${name}`, found: `"${name}"` }]);
  });

  test.each([
    { text: "targets: {}\nversion: 1", where: "delivery.yaml:1:1 targets", allowed: "at least one target" },
    { text: "version: 1", where: "delivery.yaml:1:1 targets", allowed: "a mapping" },
    { text: `version: 2\ntargets:\n  churn:${CHURN}`, where: "delivery.yaml:1:1 version", allowed: "1" },
    {
      text: "version: 1\ntargets: { churn: { model: m } }",
      where: "delivery.yaml:2:12 targets.churn.pointer",
      allowed: "a mapping",
    },
  ])("$allowed is missing at $where", ({ text, where, allowed }) => {
    expect(check(text).problems).toMatchObject([{ where, allowed }]);
  });
});

describe("a policy that cannot work is refused", () => {
  test.each([
    { entries: "rollout: { maxSurge: 0 }", path: "rollout.maxSurge", remedy: "no pod can ever be replaced" },
    { entries: "rollout: { startup: 600s }", path: "rollout.startup", remedy: "lengthen rollout.timeout" },
    { entries: "rollout: { timeout: 150s }", path: "rollout", remedy: "Shorten rollout.startup" },
    { entries: "verify: { health: { attempts: 2 } }", path: "verify.health", remedy: "Lower verify.health.successes" },
    {
      entries: "verify: { predictions: { count: 100 } }",
      path: "verify.predictions",
      remedy: "Lower verify.predictions.count",
    },
  ])("$entries", ({ entries, path, remedy }) => {
    const problem = only(entries);
    expect(problem?.where).toContain(` targets.churn.${path}`);
    expect(problem?.remedy).toContain(remedy);
  });

  test.each([
    // 30 × (3 s + 2 s + 2 s) + 5 × 2 s
    { entries: "verify: { timeout: 220s }", problems: [] },
    { entries: "verify: { timeout: 219s }", problems: ["219s for a check that may take 220s"] },
    // 30 × (500 ms + 2 s + 100 ms) + 5 × 2 s
    { entries: "verify: { timeout: 88s, health: { interval: 500ms, timeout: 100ms } }", problems: [] },
    {
      entries: "verify: { timeout: 87s, health: { interval: 500ms, timeout: 100ms } }",
      problems: ["87s for a check that may take 88s"],
    },
  ])("$entries: the check with the slack of its messages must fit", ({ entries, problems }) => {
    expect(checkTarget(entries).problems.map(({ found }) => found)).toEqual(problems);
  });

  test("every sample counts as a prediction", () => {
    const samples = `[ ${Array.from({ length: 9 }, () => "{ request: {} }").join(", ")} ]`;
    expect(only(`verify: { timeout: 227s, predictions: { samples: ${samples} } }`)?.found).toContain("may take 228s");
  });

  test("what the defaults say is told at the defaults", () => {
    const { problems } = check(`version: 1\ndefaults: { rollout: { maxSurge: 0 } }\ntargets:\n  churn:${CHURN}`);
    expect(problems).toMatchObject([{ where: "delivery.yaml:2:24 defaults.rollout.maxSurge" }]);
  });

  test("two targets at one place", () => {
    const { problems } = check(`version: 1\ntargets:\n  churn:${CHURN}\n  other:${CHURN}\n    workload: churn`);
    expect(problems).toMatchObject([
      { where: "delivery.yaml:6:3 targets.other", found: "the cluster, namespace and workload of target churn" },
    ]);
  });

  test.each(["workload: other", "namespace: other", "cluster: { aks: { name: other } }"])(
    "but not two with another %s",
    (entry) => {
      expect(
        check(
          `version: 1\ntargets:\n  churn:${CHURN}\n  twin:${CHURN}\n    workload: churn\n    ${entry}`.replace(
            "    workload: churn\n    workload",
            "    workload",
          ),
        ).problems,
      ).toEqual([]);
    },
  );
});

describe("what the settings must give", () => {
  test.each([
    { name: "webhook", remedy: "Set NOTIFY_WEBHOOK_URL and NOTIFY_WEBHOOK_SECRET, or take webhook out." },
    { name: "slack", remedy: "Set SLACK_WEBHOOK_URL, or take slack out." },
  ] as const)("the notifier $name", ({ name, remedy }) => {
    expect(only(`notify: [ ${name} ]`)).toMatchObject({
      where: "delivery.yaml:6:5 targets.churn.notify",
      allowed: "log",
      remedy,
    });
    expect(checkTarget(`notify: [ ${name} ]`, { ...SETTINGS, notifiers: ["log", name] }).problems).toEqual([]);
  });

  test("a cluster that nobody names", () => {
    for (const clusters of [{}, { resourceGroup: "rg" }, { aksName: "aks" }])
      expect(only("", { ...SETTINGS, clusters })).toMatchObject({
        where: "delivery.yaml:3:3 targets.churn.cluster",
        found: "no cluster",
      });
  });

  test("the file of a kubeconfig cluster", () => {
    expect(only("cluster: { kubeconfig: {} }")?.remedy).toBe("Set KUBECONFIG to the path of the kubeconfig file.");
  });

  test("nothing, where they are not known", () => {
    expect(checkTarget("notify: [ slack ]\ncluster: { kubeconfig: {} }", undefined).problems).toHaveLength(2);
    expect(check(`version: 1\ntargets:\n  churn:${CHURN}\n    notify: [ slack ]`, undefined).problems).toHaveLength(1);
  });
});

describe("no secret stands in a policy", () => {
  test.each([
    "https://user:hunter2@example.com/path",
    "https://hunter2@example.com",
    "Endpoint=sb://x/;SharedAccessKey=hunter2",
    "https://a.blob.core.windows.net/c?sv=1&sig=hunter2",
  ])("%s is refused and not repeated", (secret) => {
    const { problems } = checkTarget(`verify: { predictions: { samples: [ { request: { address: "${secret}" } } ] } }`);
    expect(problems).toMatchObject([{ allowed: "no secrets in the policy" }]);
    expect(new ConfigurationError(problems).message).not.toContain("hunter2");
  });

  test("nor is it repeated where it is wrong for other reasons", () => {
    const { problems } = checkTarget('build: { baseImage: "https://user:hunter2@registry/image" }');
    expect(problems).toHaveLength(2);
    expect(new ConfigurationError(problems).message).not.toContain("hunter2");
  });

  test("an address without credentials is no secret", () => {
    expect(
      checkTarget('verify: { predictions: { samples: [ { request: { mail: "a@b.org", url: "https://b.org/@x" } } ] } }')
        .problems,
    ).toEqual([]);
  });
});

test("all problems of all targets are told together, each once", () => {
  const { problems } = check(`
version: 1
defaults: { notify: [ slack ] }
targets:
  one:${CHURN}
    rollout: { replicas: none, timeout: 5 }
  two:${CHURN}
    rollout: { maxSurge: 0, startup: 20m }
  three:
    pointer: { alias: champion }
`);
  const error = new ConfigurationError([...problems, ...problems]);
  expect(error.problems.map(({ where }) => where)).toEqual([
    "delivery.yaml:8:16 targets.one.rollout.replicas",
    "delivery.yaml:8:32 targets.one.rollout.timeout",
    "delivery.yaml:13:3 targets.three.model",
    "delivery.yaml:12:16 targets.two.rollout.maxSurge",
    "delivery.yaml:12:29 targets.two.rollout.startup",
    "delivery.yaml:3:13 defaults.notify",
  ]);
  expect(error.message).toMatch(/^6 problems in the configuration:\n {2}delivery\.yaml:8:16 /);
});
