import { describe, expect, it } from "vitest";
import { compareObjects, describeChange, removed } from "../../shared/domain/difference.ts";
import type { KubernetesObject } from "../../shared/domain/release.ts";

function deployment(spec: unknown, metadata: Record<string, unknown> = {}): KubernetesObject {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "churn", ...metadata }, spec };
}

const withImage = (image: string, ...others: string[]) =>
  deployment({
    template: { spec: { containers: [{ name: "model", image }, ...others.map((name) => ({ name }))] } },
  });

describe("two objects", () => {
  it("differ in nothing where only the server's own fields, the status and Belay's stamps do", () => {
    const before = deployment(
      { replicas: 3 },
      { uid: "1", resourceVersion: "7", generation: 2, annotations: { "belay.dev/token": "7.1" } },
    );
    const after = deployment({ replicas: 3 }, { annotations: { "belay.dev/token": "9.4", "belay.dev/release": "r" } });
    expect(compareObjects({ ...before, status: { replicas: 3 } }, after)).toEqual({
      ...{ object: "Deployment churn", change: "none", fields: [], more: 0 },
    });
  });

  it.each<[string, KubernetesObject, KubernetesObject, unknown]>([
    [
      "a value",
      deployment({ replicas: 3 }),
      deployment({ replicas: 5 }),
      [{ path: "spec.replicas", from: "3", to: "5" }],
    ],
    ["an added field", deployment({}), deployment({ paused: true }), [{ path: "spec.paused", to: "true" }]],
    ["a removed field", deployment({ paused: true }), deployment({}), [{ path: "spec.paused", from: "true" }]],
    [
      "a member of a list of named things, by its name",
      withImage("a"),
      withImage("b"),
      [{ path: "spec.template.spec.containers[model].image", from: '"a"', to: '"b"' }],
    ],
    [
      "a named thing that came",
      withImage("a"),
      withImage("a", "sidecar"),
      [{ path: "spec.template.spec.containers[sidecar]", to: '{"name":"sidecar"}' }],
    ],
    [
      "a list without names, as a whole",
      deployment({ order: ["a", "b"] }),
      deployment({ order: ["b", "a"] }),
      [{ path: "spec.order", from: '["a","b"]', to: '["b","a"]' }],
    ],
    [
      "a list whose names are not unique, as a whole",
      deployment({ ports: [{ name: "a" }, { name: "a" }] }),
      deployment({ ports: [{ name: "a" }] }),
      [{ path: "spec.ports", from: '[{"name":"a"},{"name":"a"}]', to: '[{"name":"a"}]' }],
    ],
    [
      "a label",
      deployment({}, { labels: { team: "a" } }),
      deployment({}, { labels: { team: "b" } }),
      [{ path: "metadata.labels.team", from: '"a"', to: '"b"' }],
    ],
    ["text that became a list", deployment("x"), deployment([]), [{ path: "spec", from: '"x"', to: "[]" }]],
  ])("differ in %s", (_what, before, after, fields) => {
    expect(compareObjects(before, after)).toMatchObject({ change: "change", fields, more: 0 });
  });

  it.each([
    ["an environment's value", { env: [{ name: "KEY", value: "s3cret" }] }, { env: [{ name: "KEY", value: "other" }] }],
    ["arguments", { args: ["--key=s3cret"] }, { args: [] }],
    ["a thing that came with such a value", {}, { added: { env: [{ name: "KEY", value: "s3cret" }] } }],
  ])("do not show %s", (_what, before, after) => {
    const found = compareObjects(deployment(before), deployment(after));
    expect(found).toMatchObject({ change: "change", fields: [{ hidden: true }] });
    expect(JSON.stringify([found, describeChange(found)])).not.toContain("s3cret");
  });

  it("are not told apart by the order of their members or of named things", () => {
    const before = deployment({ a: 1, b: [{ name: "x" }, { name: "y" }] });
    const after = deployment({ b: [{ name: "y" }, { name: "x" }], a: 1 });
    expect(compareObjects(before, after).change).toBe("none");
  });

  it("of which one is not there are one creation", () => {
    expect(compareObjects(undefined, deployment({ replicas: 3 }))).toMatchObject({ change: "create", fields: [] });
  });

  it("are listed up to a hundred fields, and values up to 200 characters", () => {
    const long = Object.fromEntries(Array.from({ length: 130 }, (_, index) => [`f${index}`, "x".repeat(500)]));
    const { fields, more } = compareObjects(deployment({}), deployment(long));
    expect([fields.length, more, fields[0]?.to?.length]).toEqual([100, 30, 201]);
  });

  it("nested without end are compared as a whole from some depth on", () => {
    const nest = (leaf: string) => {
      let value: unknown = leaf;
      for (let level = 0; level < 200; level++) value = { in: value };
      return value;
    };
    expect(compareObjects(deployment(nest("a")), deployment(nest("b"))).fields).toHaveLength(1);
  });
});

describe("a difference in words", () => {
  it.each([
    [compareObjects(undefined, deployment({})), ["Deployment churn is not there."]],
    [removed(deployment({})), ["Deployment churn is there, and was not recorded."]],
    [compareObjects(deployment({}), deployment({})), []],
    [
      compareObjects(deployment({ replicas: 5 }), deployment({ replicas: 3 })),
      ["Deployment churn: spec.replicas is 5, 3 was recorded."],
    ],
    [compareObjects(deployment({}), deployment({ a: 1 })), ["Deployment churn: spec.a is not there, 1 was recorded."]],
    [compareObjects(deployment({ a: 1 }), deployment({})), ["Deployment churn: spec.a is 1, nothing was recorded."]],
  ])("is one sentence each", (change, sentences) => {
    expect(describeChange(change)).toEqual(sentences);
  });

  it("says how many fields it does not name", () => {
    const change = { object: "Deployment churn", change: "change", fields: [], more: 7 } as const;
    expect(describeChange(change)).toEqual(["Deployment churn: 7 more fields differ."]);
  });
});
