import { describe, expect, it } from "vitest";
import type { ModelVersion } from "../../shared/domain/model.ts";
import type { TargetPolicy } from "../../shared/domain/policy.ts";
import { describeRelease, type KubernetesObject, LABELS, type Release } from "../../shared/domain/release.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";
import { identity, model } from "./build.ts";
import { FULL } from "./manifests.ts";

const IMAGE = "registry.example/churn@sha256:0123456789abcdef";
const SAMPLES = [{ request: { instances: [[1]] }, tolerance: 0 }];

const SERVED = new Set(["monitoring.coreos.com/v1 ServiceMonitor"]);

function render(base = FULL, policy: TargetPolicy = policyFor(), image = IMAGE, version = "2"): Release {
  return renderRelease(base, policy, identity(version), image, SAMPLES, SERVED);
}

function one(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const object = objects.find((candidate) => candidate.kind === kind);
  if (object === undefined) throw new Error(`no ${kind}`);
  return object;
}

const workloadOf = (release: Release) => one(release.fixed, "Deployment");

/** The base manifests with a change somewhere inside one object's text. */
function edited(
  base: readonly KubernetesObject[],
  kind: string,
  from: string,
  to: string,
): readonly KubernetesObject[] {
  const change = (object: KubernetesObject) => JSON.parse(JSON.stringify(object).replace(from, to));
  return base.map((object) => (object.kind === kind ? change(object) : object));
}

describe("a release", () => {
  const release = render();

  it("runs the image by digest in the model's container and in no other", () => {
    expect(release.image).toBe(IMAGE);
    expect(workloadOf(release)).toMatchObject({
      spec: {
        template: {
          spec: {
            initContainers: [{ image: "warm:1" }],
            containers: [
              { name: "model", image: IMAGE },
              { name: "sidecar", image: "sidecar:1" },
            ],
          },
        },
      },
    });
  });

  it("names where it runs, how it is reached and what it is tried with", () => {
    expect(release).toMatchObject({
      ...{ namespace: "models", workload: "churn", containerPort: 8080, samples: SAMPLES },
      ...{ model: identity(), service: { name: "churn", port: "80" } },
    });
  });

  it("keeps of the model what identifies it and nothing else", () => {
    const version: ModelVersion = { ...model(), runId: "r" };
    expect(renderRelease(FULL, policyFor(), version, IMAGE, SAMPLES, SERVED).id).toBe(release.id);
  });

  it("puts the workload last", () => {
    expect(release.fixed.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      ...["Service churn", "ServiceMonitor churn-metrics", "PodDisruptionBudget churn-budget", "Deployment churn"],
    ]);
  });

  it("puts every object into the target's namespace, under Belay's labels beside the base's own", () => {
    const ours = { [LABELS.managedBy]: "belay", [LABELS.name]: "churn", [LABELS.target]: "churn" };
    for (const { metadata } of [...release.hashed, ...release.fixed]) {
      expect(metadata.namespace).toBe("models");
      expect(metadata.labels).toMatchObject(ours);
    }
    expect(workloadOf(release).metadata).toMatchObject({
      labels: { team: "growth", ...ours },
      annotations: { note: "ours" },
    });
  });

  it("takes replicas, surge and patience from the policy", () => {
    expect(workloadOf(release)).toMatchObject({
      spec: {
        ...{ replicas: 3, minReadySeconds: 5, progressDeadlineSeconds: 540 },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      },
    });
  });

  it.each([
    { name: "the port's name where it has one", base: BASE, port: "http" },
    { name: "the port's number where it has no name", base: FULL, port: "80" },
  ])("is reached through $name", ({ base, port }) => {
    expect(render(base).service.port).toBe(port);
  });

  it("leaves the base manifests as they are", () => {
    const base = structuredClone(FULL);
    render(base);
    expect(base).toEqual(FULL);
  });

  it("is described by model and digest", () => {
    expect(describeRelease(release)).toBe("churn-classifier version 2 (sha256:0123456789ab…)");
  });
});

describe("the configuration of a release", () => {
  const release = render();
  const [config] = release.hashed;
  const name = config?.metadata.name ?? "";

  it("stands under a hashed name, immutable, and says which model it is for", () => {
    expect(name).toMatch(/^churn-settings-[0-9a-f]{10}$/);
    expect(config).toMatchObject({
      immutable: true,
      data: { one: "1", MODEL_NAME: "churn-classifier", MODEL_VERSION: "2" },
    });
  });

  it("is renamed everywhere it is referenced, and nothing else is", () => {
    expect(workloadOf(release)).toMatchObject({
      spec: {
        template: {
          spec: {
            initContainers: [{ envFrom: [{ configMapRef: { name } }] }],
            containers: [
              {
                envFrom: [{ configMapRef: { name } }, { secretRef: { name: "settings" } }],
                env: [{ valueFrom: { configMapKeyRef: { name, key: "one" } } }, { name: "PLAIN", value: "settings" }],
              },
              { tty: null },
            ],
            volumes: [
              { name: "settings", configMap: { name } },
              { configMap: { name: "of-somebody-else" } },
              { configMap: {} },
              { projected: { sources: [{ configMap: { name } }] } },
            ],
          },
        },
      },
    });
  });

  it("is renamed in the objects beside the workload too", () => {
    expect(one(release.fixed, "ServiceMonitor")).toMatchObject({
      spec: { endpoints: [{ tlsConfig: { ca: { configMap: { name, key: "ca" } } } }] },
    });
  });

  it.each([
    { name: "its data changes", changed: render(edited(FULL, "ConfigMap", '"one":"1"', '"one":"2"')) },
    {
      name: "its binary data changes",
      changed: render(edited(FULL, "ConfigMap", '"data"', '"binaryData":{"b":"AA=="},"data"')),
    },
    { name: "the model's version changes", changed: render(FULL, policyFor(), IMAGE, "3") },
  ])("gets another name when $name, so that old pods keep the old one", ({ changed }) => {
    expect(changed.hashed[0]?.metadata.name).not.toBe(name);
    expect(changed.template).not.toBe(release.template);
  });

  it("may hold nothing of its own", () => {
    const bare = [
      ...BASE.filter(({ kind }) => kind !== "ConfigMap"),
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "config" } },
    ];
    expect(render(bare).hashed).toMatchObject([{ data: { MODEL_NAME: "churn-classifier", MODEL_VERSION: "2" } }]);
  });
});

describe("the id of a release", () => {
  it("is the same for the same input, whatever the order of its keys", () => {
    const turned = FULL.map((object) => Object.fromEntries(Object.entries(object).reverse()) as KubernetesObject);
    expect(render(turned).id).toBe(render().id);
    expect(render().id).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    { name: "image", changed: render(FULL, policyFor(), `${IMAGE}0`) },
    { name: "model", changed: render(FULL, policyFor(), IMAGE, "3") },
    { name: "configuration", changed: render(edited(FULL, "ConfigMap", '"one":"1"', '"one":"2"')) },
    { name: "service", changed: render(edited(FULL, "Service", "ClusterIP", "LoadBalancer")) },
    { name: "namespace", changed: render(FULL, policyFor({ namespace: "other" })) },
    {
      name: "number of replicas",
      changed: render(FULL, policyFor({ rollout: { ...policyFor().rollout, replicas: 4 } })),
    },
    {
      name: "samples",
      changed: renderRelease(FULL, policyFor(), identity(), IMAGE, [{ request: {}, tolerance: 0 }]),
    },
  ])("is another when the $name changes", ({ changed }) => {
    expect(changed.id).not.toBe(render().id);
  });
});

describe("the selector", () => {
  const selector = { [LABELS.name]: "churn", [LABELS.target]: "churn" };

  const spec = (object: KubernetesObject) => object["spec"] as { selector: unknown };

  it.each([
    { name: "the same base", release: render() },
    { name: "another base", release: render(BASE) },
    { name: "another image and version", release: render(FULL, policyFor(), `${IMAGE}0`, "3") },
    { name: "other pod labels", release: render(edited(FULL, "Deployment", '"labels":{"app"', '"labels":{"tier"')) },
  ])("does not change with $name, because Kubernetes refuses that", ({ release }) => {
    expect(spec(workloadOf(release)).selector).toEqual({ matchLabels: selector });
    expect(spec(one(release.fixed, "Service")).selector).toEqual(selector);
  });

  it("is met by the pods, which also carry their own template label", () => {
    const release = render();
    expect(workloadOf(release)).toMatchObject({
      spec: {
        template: {
          metadata: {
            labels: { app: "anything", ...selector, [LABELS.template]: release.template },
            annotations: { scrape: "yes" },
          },
        },
      },
    });
  });
});

describe("the template label", () => {
  it("stays when only the number of replicas changes: no pod is replaced", () => {
    const more = render(FULL, policyFor({ rollout: { ...policyFor().rollout, replicas: 9 } }));
    expect(more.template).toBe(render().template);
  });

  it("changes with the image", () => {
    expect(render(FULL, policyFor(), `${IMAGE}0`).template).not.toBe(render().template);
  });
});

describe("labels", () => {
  it.each([
    { name: "at the longest names a policy may have", target: "t".repeat(40), workload: "w".repeat(63) },
    { name: "at the shortest", target: "ab", workload: "w" },
  ])("are legal $name: at most 63 characters", ({ target, workload }) => {
    const release = renderRelease(
      FULL,
      policyFor({ target, workload }),
      { name: "a'b\n😀 ".repeat(300), version: "1", createdAt: 1 },
      ...([IMAGE, SAMPLES] as const),
    );
    const podLabels = JSON.stringify(workloadOf(release)).match(/"belay\.dev\/template":"([^"]*)"/);
    const values = [...release.hashed, ...release.fixed].flatMap(({ metadata }) =>
      Object.values(metadata.labels ?? {}),
    );
    for (const value of [...values, podLabels?.[1] ?? ""])
      expect(value).toMatch(/^[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/);
  });
});

describe("the startup probe", () => {
  const probe = (base: readonly KubernetesObject[], startupSeconds: number) => {
    const rollout = { ...policyFor().rollout, startupSeconds };
    const match = JSON.stringify(workloadOf(render(base, policyFor({ rollout })))).match(
      /"startupProbe":(\{[^}]*\}[^}]*\})/,
    );
    return match?.[1] === undefined ? undefined : JSON.parse(match[1]);
  };

  it.each([
    {
      name: "keeps its period and gets as many tries as the time holds",
      period: "4",
      seconds: 150,
      tries: 38,
      every: 4,
    },
    { name: "gets one try at least", period: "4", seconds: 1, tries: 1, every: 4 },
    { name: "gets one try where there is no time at all", period: "4", seconds: 0, tries: 1, every: 4 },
    { name: "has Kubernetes' period where its own is none", period: "0", seconds: 150, tries: 15, every: 10 },
    { name: "has Kubernetes' period where its own is no number", period: '"x"', seconds: 151, tries: 16, every: 10 },
  ])("$name", ({ period, seconds, tries, every }) => {
    const base = edited(FULL, "Deployment", '"periodSeconds":4', `"periodSeconds":${period}`);
    expect(probe(base, seconds)).toEqual({
      httpGet: { path: "/ready", port: "http" },
      periodSeconds: every,
      failureThreshold: tries,
    });
  });

  it("is not invented where the base has none", () => {
    expect(probe(BASE, 150)).toBeUndefined();
  });
});

describe("the progress deadline", () => {
  it("is a second at least", () => {
    const policy = policyFor({ rollout: { ...policyFor().rollout, timeoutSeconds: 1 } });
    expect(workloadOf(render(FULL, policy))).toMatchObject({ spec: { progressDeadlineSeconds: 1 } });
  });
});
