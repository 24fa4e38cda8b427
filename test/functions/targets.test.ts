import { describe, expect, it } from "vitest";
import { createTargets } from "../../functions/targets.ts";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import type { Plan } from "../../shared/steps/plan.ts";
import { appThat, invocation, request } from "./calls.ts";

const get = (command?: string, target = "churn") =>
  request({ params: { target, ...(command === undefined ? {} : { command }) } });
const recordCaller = () => undefined;

describe("GET /api/targets", () => {
  it("answers what somebody changed of the release that was proven", async () => {
    const report = { target: "churn", at: "2026-09-21T14:13:20.000Z", same: true, objects: [] };
    const targets = createTargets(appThat({ recordCaller, findDrift: async () => report }));
    expect(await targets(get("drift"), invocation().context)).toEqual({ jsonBody: report });
  });

  it("answers what a promotion would change", async () => {
    const plan = { target: "churn", objects: [] } as unknown as Plan;
    const targets = createTargets(appThat({ recordCaller, planTarget: async () => plan }));
    expect(await targets(get("plan"), invocation().context)).toEqual({ jsonBody: plan });
  });

  it("knows no drift of a target that the policy does not have", async () => {
    const targets = createTargets(appThat({ recordCaller, findDrift: async () => undefined }));
    expect(await targets(get("drift"), invocation().context)).toMatchObject({ status: 404 });
  });

  it.each([
    new TransientError("unreachable", "The API server gave no answer."),
    new PermanentError("access-denied", "The API server refused access."),
  ])("says in words why there is no answer: $message", async (error) => {
    const fails = () => Promise.reject(error);
    const targets = createTargets(appThat({ recordCaller, findDrift: fails, readTarget: fails, giveCommand: fails }));
    const stop = request({
      method: "POST",
      params: { target: "churn", command: "stop" },
      body: { string: JSON.stringify({ by: "Ada" }) },
    });
    for (const asked of [get("drift"), get(), stop])
      expect(await targets(asked, invocation().context)).toEqual({ status: 503, jsonBody: { error: error.message } });
  });

  it("hands on what nobody has foreseen", async () => {
    const targets = createTargets(appThat({ recordCaller, findDrift: () => Promise.reject(new Error("a bug")) }));
    await expect(targets(get("drift"), invocation().context)).rejects.toThrow("a bug");
  });

  it("refuses to GET a command", async () => {
    const targets = createTargets(appThat({ recordCaller }));
    const answer = await targets(get("stop"), invocation().context);
    expect(answer).toMatchObject({ status: 404, jsonBody: { error: expect.stringContaining("commands are POSTed") } });
  });
});
