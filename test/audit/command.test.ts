import { describe, expect, it } from "vitest";
import { formatReport, toJson } from "../../infra/audit/report.ts";
import type { TargetEvidence } from "../../shared/audit/evidence.ts";
import { judge } from "../../shared/audit/judge.ts";
import { identity } from "../domain/build.ts";
import { evidence, target } from "./evidence.ts";

const pointer = { described: "alias champion of churn-classifier", found: identity("3") };
const lost = target({ pointer, target: "fraud" });
const judged = (...targets: readonly TargetEvidence[]) => judge(evidence(...targets), { graceMs: 0 });

describe("what the command prints", () => {
  it("is one row for one target, and that all is well", () => {
    expect(formatReport(judged(target())).split("\n")).toEqual([
      "target       asked        done   under way        lost      double  unexpected   recovered",
      "churn            1           1           0           0           0           0           0",
      "",
      "Nothing is lost, double or unexpected.",
    ]);
  });

  it("is a row a target, their total, and a sentence for each finding", () => {
    const lines = formatReport(judged(target(), lost)).split("\n");
    expect(lines.map((line) => line.split(/ {2,}/)[0])).toEqual([
      "target",
      "churn",
      "fraud",
      "total",
      "",
      expect.stringMatching(/^lost: fraud: the alias champion of churn-classifier is version 3/),
      "",
      "Found: 1 lost, 0 double, 0 unexpected.",
    ]);
  });

  it("is one line of JSON for machines", () => {
    expect(JSON.parse(toJson(judged(target(), lost)))).toMatchObject({
      total: { target: "total", asked: 3, done: 2, lost: 1 },
      targets: [{ target: "churn" }, { target: "fraud", lost: 1 }],
      findings: [{ kind: "lost", code: "not-taken", target: "fraud", about: "3" }],
      recovered: [],
    });
  });
});
