import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { kubernetesFields } from "../../infra/local/build/kubernetes-fields.ts";
import { unknownFields } from "../../shared/config/unknown-fields.ts";

test("the known fields are those of the official client (write them with infra/local/build/kubernetes-fields.ts)", () => {
  const written = resolve(import.meta.dirname, "../../shared/config/kubernetes-fields.json");
  expect(readFileSync(written, "utf8")).toBe(kubernetesFields());
});

test("labels, data and quantities may have any name", () => {
  const object = {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", labels: { "any.thing/at-all": "x" } } },
    data: { "whatever.json": "{}" },
  };
  expect(unknownFields(object)).toEqual([]);
});

test("a custom resource is for the API server to judge", () => {
  const object = { apiVersion: "monitoring.coreos.com/v1", kind: "ServiceMonitor", metadata: { name: "a" }, spc: {} };
  expect(unknownFields(object)).toEqual([]);
});

test("every unknown field is found, with what was most likely meant", () => {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", lables: {} }, dat: {}, zzz: 1 };
  expect(unknownFields(object)).toEqual([
    { path: ["metadata", "lables"], meant: "labels" },
    { path: ["dat"], meant: "data" },
    { path: ["zzz"], meant: undefined },
  ]);
});
