import type { V1Container } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import {
  containerEnv,
  expand,
  fieldValue,
  type PodFacts,
  type Sources,
} from "../../../infra/local/kubelet/environment.ts";

const facts: PodFacts = {
  podIP: "127.77.3.2",
  hostIP: "127.77.3.1",
  pod: {
    metadata: {
      name: "web",
      namespace: "demo",
      uid: "u1",
      labels: { app: "x", "a/b": 'q"' },
      annotations: { note: "n" },
    },
    spec: { containers: [], nodeName: "node" },
  },
};

const sources: Sources = {
  configMap: async (name) =>
    name === "settings"
      ? { data: { MODE: "fast" }, binaryData: { RAW: Buffer.from("raw").toString("base64") } }
      : undefined,
  secret: async (name) => (name === "keys" ? { data: { TOKEN: Buffer.from("s3cret").toString("base64") } } : undefined),
  serviceAccountToken: async () => "token",
};

const env = (container: Omit<V1Container, "name">) => containerEnv({ name: "c", ...container }, facts, sources);

describe("expansion", () => {
  it.each([
    ["a known name", "x $(A) y", "x 1 y"],
    ["an unknown name, which stays", "$(NONE)", "$(NONE)"],
    ["two dollar signs, which are one", "$$(A)", "$(A)"],
    ["a lone dollar sign", "$A $", "$A $"],
    ["a name without its end", "$(A", "$(A"],
    ["a name of every object", "$(toString)", "$(toString)"],
  ])("handles %s", (_name, text, result) => {
    expect(expand(text, { A: "1" })).toBe(result);
  });
});

describe("the environment of a container", () => {
  it("takes envFrom first, then env, which may refer to what stands before it", async () => {
    const found = await env({
      envFrom: [{ configMapRef: { name: "settings" } }, { prefix: "KEY_", secretRef: { name: "keys" } }],
      env: [
        { name: "URL", value: "http://$(MODE):$(PORT)" },
        { name: "PORT", value: "80" },
        { name: "MODE", value: "slow" },
      ],
    });
    expect(found).toEqual({ MODE: "slow", RAW: "raw", KEY_TOKEN: "s3cret", URL: "http://fast:$(PORT)", PORT: "80" });
  });

  it("reads single keys and fields", async () => {
    const found = await env({
      env: [
        { name: "A", valueFrom: { configMapKeyRef: { name: "settings", key: "MODE" } } },
        { name: "B", valueFrom: { secretKeyRef: { name: "keys", key: "TOKEN" } } },
        { name: "C", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "D", valueFrom: { configMapKeyRef: { name: "none", key: "x", optional: true } } },
        { name: "E", valueFrom: { configMapKeyRef: { name: "settings", key: "x", optional: true } } },
      ],
    });
    expect(found).toEqual({ A: "fast", B: "s3cret", C: "127.77.3.2" });
  });

  it.each<[string, Omit<V1Container, "name">, string]>([
    ["a missing ConfigMap", { envFrom: [{ configMapRef: { name: "none" } }] }, 'configmap "none" not found'],
    ["a missing Secret", { envFrom: [{ secretRef: { name: "none" } }] }, 'secret "none" not found'],
    [
      "a missing key",
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "settings", key: "x" } } }] },
      "couldn't find key x in ConfigMap settings",
    ],
    [
      "a resource field",
      { env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } }] },
      "only value, fieldRef, configMapKeyRef and secretKeyRef are implemented",
    ],
    [
      "an unknown field",
      { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.x" } } }] },
      "unsupported fieldPath: spec.x",
    ],
  ])("refuses %s", async (_name, container, message) => {
    await expect(env(container)).rejects.toThrow(message);
  });
});

describe("a field of the downward API", () => {
  it.each([
    ["metadata.name", "web"],
    ["metadata.namespace", "demo"],
    ["metadata.uid", "u1"],
    ["metadata.labels['a/b']", 'q"'],
    ["metadata.annotations['note']", "n"],
    ["metadata.annotations['none']", ""],
    ["metadata.labels", 'a/b="q\\""\napp="x"'],
    ["spec.nodeName", "node"],
    ["spec.serviceAccountName", "default"],
    ["status.podIPs", "127.77.3.2"],
    ["status.hostIP", "127.77.3.1"],
  ])("%s is %j", (fieldPath, value) => {
    expect(fieldValue({ fieldPath }, facts)).toBe(value);
  });
});
