import { describe, expect, it } from "vitest";
import { ForeignChangeError, PermanentError } from "../../../shared/domain/errors.ts";
import type { KubernetesObject } from "../../../shared/domain/release.ts";
import { config, createStage, NAMESPACE, SECOND, service, signal, workload } from "./stage.ts";

const named = ({ kind, metadata }: KubernetesObject) => ({ kind, name: metadata.name });

describe("an apply", () => {
  it("that says what is there changes nothing, whatever the order of its members", async () => {
    const stage = createStage();
    await stage.apply(service());
    const before = await stage.seen(service());
    const { spec, ...rest } = service();
    expect(await stage.apply({ spec, ...rest })).toBe("applied");
    expect(await stage.seen(service())).toEqual(before);
    expect(stage.simulated.changes()).toHaveLength(1);
  });

  it("only creates where nothing was seen", async () => {
    const stage = createStage();
    await stage.apply(config("a", { LEVEL: "first" }));
    expect(await stage.cluster.apply(config("a", { LEVEL: "second" }), undefined, signal)).toBe("conflict");
    expect(await stage.cluster.apply(config("b", {}), await stage.seen(config("a", {})), signal)).toBe("conflict");
    expect(stage.simulated.objects().map((object) => object["data"])).toEqual([{ LEVEL: "first" }]);
  });

  it("of another uid or of an older version is a conflict", async () => {
    const stage = createStage();
    await stage.apply(service());
    const seen = await stage.seen(service());
    stage.simulated.touch(NAMESPACE);
    expect(await stage.cluster.apply(service("8.1"), seen, signal)).toBe("conflict");
    stage.simulated.deleteForeign(NAMESPACE);
    await stage.apply(service());
    const { resourceVersion } = await stage.seen(service());
    expect(await stage.cluster.apply(service("8.1"), { ...seen, resourceVersion }, signal)).toBe("conflict");
    expect(await stage.apply(service("8.1"))).toBe("applied");
  });

  it("finds another version whenever the controller has written a status", async () => {
    const stage = createStage();
    await stage.apply(workload("good:1"));
    const seen = await stage.seen(workload("good:1"));
    const versions = new Map<string, string>();
    while (stage.simulated.nextAt() !== undefined) {
      stage.step();
      const status = JSON.stringify(await stage.cluster.workload("churn", signal));
      const { resourceVersion } = await stage.seen(workload("good:1"));
      expect(versions.get(status) ?? resourceVersion).toBe(resourceVersion);
      versions.set(status, resourceVersion);
    }
    expect(new Set(versions.values()).size).toBe(versions.size);
    expect(versions.size).toBeGreaterThan(3);
    expect(await stage.cluster.apply(workload("good:2", { token: "8.1" }), seen, signal)).toBe("conflict");
  });

  it("finds a foreign field before it finds that it is late", async () => {
    const stage = createStage();
    await stage.apply(config("a", { LEVEL: "ours" }));
    const seen = await stage.seen(config("a", {}));
    stage.simulated.takeField(NAMESPACE, named(config("a", {})), ["data", "LEVEL"], "theirs");
    const applying = stage.cluster.apply(config("a", { LEVEL: "later" }, "8.1"), seen, signal);
    await expect(applying).rejects.toBeInstanceOf(ForeignChangeError);
  });

  it("keeps what others added, takes away what Belay no longer says, and shares what others own with the same value", async () => {
    const stage = createStage();
    const a = named(config("a", {}));
    await stage.apply(config("a", { LEVEL: "ours", EXTRA: "1" }));
    stage.simulated.takeField(NAMESPACE, a, ["data", "THEIRS"], "2");
    stage.simulated.takeField(NAMESPACE, a, ["data", "LEVEL"], "theirs");
    expect(await stage.apply(config("a", { LEVEL: "theirs" }, "8.1"))).toBe("applied");
    expect(stage.simulated.objects()[0]).toMatchObject({ data: { LEVEL: "theirs", THEIRS: "2" } });
    expect(stage.simulated.objects()[0]).not.toHaveProperty("data.EXTRA");
    expect(await stage.apply(config("a", {}, "8.2"))).toBe("applied");
    expect(stage.simulated.objects()[0]?.["data"]).toEqual({ THEIRS: "2", LEVEL: "theirs" });
  });

  const refused: readonly [string, KubernetesObject, KubernetesObject][] = [
    [
      "other data in an immutable ConfigMap",
      config("a", { A: "1" }, "7.1", true),
      config("a", { A: "2" }, "7.2", true),
    ],
    ["an immutable ConfigMap made mutable", config("a", { A: "1" }, "7.1", true), config("a", { A: "1" }, "7.2")],
    [
      "neither surge nor unavailable pods",
      workload("good:1"),
      workload("good:1", { token: "8.1", maxSurge: 0, maxUnavailable: 0 }),
    ],
    [
      "another selector",
      workload("good:1"),
      { ...workload("good:1"), spec: { ...(workload("good:1", { name: "fraud" })["spec"] as object) } },
    ],
  ];
  it.each(refused)("is refused for %s, and nothing is changed", async (_, first, second) => {
    const stage = createStage();
    await stage.apply(first);
    const before = await stage.seen(first);
    await expect(stage.apply(second)).rejects.toMatchObject({ code: "rollout-refused" });
    expect(await stage.seen(first)).toEqual(before);
  });

  it("forgets who owned a field of a container that is gone", async () => {
    const stage = createStage();
    const asNamed = (name: string, image: string, token: string) => {
      const { metadata, ...rest } = workload(image, { token });
      const template = { metadata: { labels: { app: "churn" } }, spec: { containers: [{ name, image }] } };
      return { ...rest, metadata, spec: { ...(rest["spec"] as object), template } };
    };
    await stage.apply(asNamed("model", "good:1", "7.1"));
    const path = ["spec", "template", "spec", "containers", "name=model", "image"];
    stage.simulated.takeField(NAMESPACE, named(workload("good:1")), path, "good:2");
    await expect(stage.apply(asNamed("model", "good:3", "7.2"))).rejects.toBeInstanceOf(ForeignChangeError);
    for (const [index, name] of ["server", "model", "model"].entries())
      expect(await stage.apply(asNamed(name, `good:${index + 3}`, `8.${index}`))).toBe("applied");
  });

  it("stamps an immutable ConfigMap", async () => {
    const stage = createStage();
    await stage.apply(config("a", { A: "1" }, "7.1", true));
    expect(await stage.apply(config("a", { A: "1" }, "8.1", true))).toBe("applied");
  });

  it("is refused for labels that its selector does not find, without containers, of a kind or namespace that is not Belay's", async () => {
    const stage = createStage();
    const { metadata, ...rest } = workload("good:1");
    const spec = rest["spec"] as Record<string, unknown>;
    const labels = { app: "churn" };
    const wrong: readonly KubernetesObject[] = [
      { ...rest, metadata, spec: { ...spec, selector: { matchLabels: { app: "fraud" } } } },
      { ...rest, metadata, spec: { ...spec, template: { metadata: { labels }, spec: { containers: [] } } } },
      { apiVersion: "v1", kind: "Secret", metadata: { name: "a" } },
      { ...rest, metadata: { ...metadata, namespace: "elsewhere" } },
    ];
    for (const object of wrong)
      await expect(stage.cluster.apply(object, undefined, signal)).rejects.toBeInstanceOf(PermanentError);
    expect(stage.simulated.objects()).toEqual([]);
  });

  it("of what is not simulated says so", async () => {
    const stage = createStage();
    const { metadata, ...rest } = workload("good:1");
    const spec = { ...(rest["spec"] as object), strategy: { type: "Recreate" } };
    await expect(stage.apply({ ...rest, metadata, spec })).rejects.toThrow("only rolling updates");
  });

  it("keeps nothing that the caller can change afterwards", async () => {
    const stage = createStage();
    const data = { LEVEL: "first" };
    await stage.apply(config("a", data));
    data.LEVEL = "second";
    expect(stage.simulated.objects()[0]?.["data"]).toEqual({ LEVEL: "first" });
    expect(Object.isFrozen(stage.simulated.objects()[0]?.["data"])).toBe(true);
  });
});

it("the API server's defaults are 25 % up and down, 1 replica, 600 seconds", async () => {
  const stage = createStage();
  const { metadata, ...rest } = workload("stuck:1");
  const { selector, template } = rest["spec"] as Record<string, unknown>;
  await stage.apply({ ...rest, metadata, spec: { selector, template, replicas: 6 } });
  stage.wait(SECOND);
  expect(stage.capacities.at(-1)).toMatchObject({ specReplicas: 6, maxSurge: 2, maxUnavailable: 1, total: 6 });
  await stage.apply({ ...rest, metadata, spec: { selector, template } });
  expect((await stage.cluster.workload("churn", signal))?.specReplicas).toBe(1);
  const began = stage.now();
  expect(await stage.settle()).toBe("failed");
  expect(stage.now() - began).toBeGreaterThan(590 * SECOND);
});

it("an update whose percentages allow nothing may have one pod less", async () => {
  const stage = createStage();
  const { metadata, ...rest } = workload("good:1");
  const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: "10%" } };
  await stage.apply({ ...rest, metadata, spec: { ...(rest["spec"] as object), strategy } });
  stage.wait(SECOND);
  expect(stage.capacities.at(-1)).toMatchObject({ maxSurge: 0, maxUnavailable: 1 });
});

it("nothing is waited for of a workload that was deleted", async () => {
  const stage = createStage();
  await stage.apply(workload("stuck:1"));
  stage.wait(10 * SECOND);
  stage.simulated.deleteForeign(NAMESPACE);
  const began = stage.now();
  stage.rest();
  expect(stage.now() - began).toBeLessThan(60 * SECOND);
});

it("a deleted workload's pods end, and a new one of its name begins with its own", async () => {
  const stage = createStage();
  await stage.apply(workload("good:1"));
  stage.rest();
  stage.simulated.deleteForeign(NAMESPACE);
  expect(await stage.cluster.workload("churn", signal)).toBeUndefined();
  await stage.apply(workload("good:1", { token: "8.1" }));
  stage.wait(SECOND);
  const pods = await stage.cluster.pods("good:1", signal);
  expect(pods.filter(({ terminating }) => terminating)).toHaveLength(3);
  expect(pods.filter(({ terminating }) => !terminating)).toHaveLength(3);
  expect(await stage.settle()).toBe("done");
});
