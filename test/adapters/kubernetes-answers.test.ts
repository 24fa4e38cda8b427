import { describe, expect, it } from "vitest";
import { createCluster } from "../../shared/adapters/kubernetes/cluster.ts";
import { LABELS } from "../../shared/domain/release.ts";
import { checkError } from "../support/hostile-answers.ts";

const signal = new AbortController().signal;
const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "asked" } };
const object = (name: string, labels: unknown = {}) => ({ metadata: { name, uid: "u", resourceVersion: "1", labels } });

/** A cluster whose API server answers everything with this. */
const answering = (body: unknown) => createCluster(async () => ({ status: 200, body: JSON.stringify(body) }), "models");

const thrown = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("an answer about something else than was asked for is refused", () => {
  it.each([
    ["another object", () => answering(object("another")).read(config, signal)],
    ["another workload", () => answering({ ...object("another"), spec: {} }).workload("asked", signal)],
    [
      "pods of another template",
      () => answering({ items: [object("pod", { [LABELS.template]: "another" })] }).pods("asked", signal),
    ],
    ["pods without a label", () => answering({ items: [object("pod")] }).pods("asked", signal)],
    [
      "what another target owns",
      () => answering({ items: [object("config", { [LABELS.target]: "another" })] }).listOwned("asked", signal),
    ],
  ])("%s", async (_what, ask) => {
    checkError(await thrown(ask()), { is: "permanent", code: "bad-answer" });
  });
});

it("what is not understood is named by its place, without the other side's own words", async () => {
  const error = await thrown(answering(object("asked", { ["x".repeat(5_000)]: 7 })).read(config, signal));
  expect(error).toMatchObject({ code: "bad-answer", message: expect.stringMatching(/ at metadata\.labels\.…\.$/) });
});
