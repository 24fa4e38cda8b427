import { expect, it } from "vitest";
import { readPodTemplate } from "../../shared/domain/pod-template.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";
import { identity } from "./build.ts";

it("a rendered workload says its image, its template label and its configuration", () => {
  const release = renderRelease(BASE, policyFor(), identity(), "registry.test/churn@sha256:1", []);
  expect(readPodTemplate(release.fixed.at(-1)?.["spec"])).toEqual({
    images: { model: "registry.test/churn@sha256:1" },
    label: release.template,
    configuration: release.hashed.map(({ metadata }) => metadata.name),
  });
});

it("configuration is found wherever a pod can refer to it, each name once and in order", () => {
  const template = {
    spec: {
      initContainers: [
        { name: "first", image: "a", env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "z", key: "A" } } }] },
      ],
      containers: [{ name: "model", image: "b", envFrom: [{ configMapRef: { name: "z" } }] }],
      volumes: [{ name: "files", configMap: { name: "a" } }],
    },
  };
  expect(readPodTemplate({ template })).toEqual({ images: { first: "a", model: "b" }, configuration: ["a", "z"] });
});

it.each([
  ["nothing", undefined],
  ["text", "template"],
  ["nested without end", { spec: { volumes: JSON.parse("[".repeat(50_000) + "]".repeat(50_000)) } }],
  ["nothing in it", { metadata: null, spec: { containers: "none", volumes: [{ configMap: null }] } }],
])("of what is no template, nothing is said: %s", (_name, template) => {
  expect(readPodTemplate({ template })).toEqual({ images: {}, configuration: [] });
});

it.each([
  ["a number", 7],
  ["an object that refuses to be text", { toString: 7 }],
])("a container whose name and image are %s has neither", (_what, odd) => {
  const template = { spec: { containers: [{ name: odd, image: odd }] } };
  expect(readPodTemplate({ template })).toEqual({ images: { "": "" }, configuration: [] });
});
