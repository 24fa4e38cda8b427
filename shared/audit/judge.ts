import { type Deployment, deploymentId, hasEnded } from "../domain/deployment.ts";
import { findDouble } from "./double.ts";
import type { Evidence, TargetEvidence } from "./evidence.ts";
import { type Finding, findingKey } from "./finding.ts";
import { findLost, isNotTaken } from "./lost.ts";
import { type Recovery, recoveriesOf } from "./recovered.ts";
import { findUnexpected } from "./unexpected.ts";

export interface JudgeOptions {
  /** What is late by no more than this is not lost yet, milliseconds. */
  graceMs: number;
}

/** What was asked of a target and what became of it; with the findings' kinds, the audit's columns. */
export interface Tally {
  target: string;
  /** Accepted promotions, and what the registry asks for and nobody took. */
  asked: number;
  /** Of these, those with an ending. */
  done: number;
  /** Of these, those still under way within their time. */
  underWay: number;
  lost: number;
  double: number;
  unexpected: number;
  /** Of those done, those that came to their ending in spite of something. */
  recovered: number;
}

export interface Judgement {
  targets: readonly Tally[];
  findings: readonly Finding[];
  recovered: readonly Recovered[];
}

/** A deployment that came to its ending all the same. */
export interface Recovered {
  deployment: string;
  from: readonly Recovery[];
}

/** What the evidence says about every target. Pure. */
export function judge(evidence: Evidence, { graceMs }: JudgeOptions): Judgement {
  const context = { now: evidence.now, graceMs };
  const findings = evidence.targets.flatMap((target) => [
    ...findLost(target, context),
    ...findDouble(target),
    ...findUnexpected(target, context),
  ]);
  return toJudgement(evidence, findings);
}

/**
 * What two looks agree about: a difference that only one of them saw was on its way to be no more. The numbers are the
 * later look's. Pure.
 */
export function standing(earlier: Judgement, evidence: Evidence, later: Judgement): Judgement {
  const before = new Set(earlier.findings.map(findingKey));
  return toJudgement(
    evidence,
    later.findings.filter((finding) => before.has(findingKey(finding))),
  );
}

/** Whether nothing is lost, double or unexpected. */
export function isClean({ findings }: Judgement): boolean {
  return findings.length === 0;
}

function toJudgement(evidence: Evidence, findings: readonly Finding[]): Judgement {
  return {
    targets: evidence.targets.map((target) => tally(target, findings)),
    findings,
    recovered: evidence.targets.flatMap(({ deployments }) => deployments.flatMap(recoveredOf)),
  };
}

function recoveredOf(evidence: TargetEvidence["deployments"][number]): readonly Recovered[] {
  const from = recoveriesOf(evidence);
  return from.length === 0 ? [] : [{ deployment: deploymentId(evidence.record), from }];
}

function tally(evidence: TargetEvidence, findings: readonly Finding[]): Tally {
  const { target, deployments } = evidence;
  const own = findings.filter((finding) => finding.target === target);
  const still = new Set(own.filter(({ code }) => code === "stands-still").map(({ deployment }) => deployment));
  const isUnderWay = (record: Deployment) => !hasEnded(record) && !still.has(deploymentId(record));
  const count = (kind: Finding["kind"]) => own.filter((finding) => finding.kind === kind).length;
  return {
    target,
    asked: deployments.length + (isNotTaken(evidence) ? 1 : 0),
    done: deployments.filter(({ record }) => hasEnded(record)).length,
    underWay: deployments.filter(({ record }) => isUnderWay(record)).length,
    lost: count("lost"),
    double: count("double"),
    unexpected: count("unexpected"),
    recovered: deployments.filter((one) => recoveriesOf(one).length > 0).length,
  };
}

/** Every target's numbers together. */
export function totalOf(targets: readonly Tally[]): Tally {
  const none: Tally = {
    ...{ target: "total", asked: 0, done: 0, underWay: 0 },
    ...{ lost: 0, double: 0, unexpected: 0, recovered: 0 },
  };
  return targets.reduce(
    (sum, one) => ({
      target: sum.target,
      asked: sum.asked + one.asked,
      done: sum.done + one.done,
      underWay: sum.underWay + one.underWay,
      lost: sum.lost + one.lost,
      double: sum.double + one.double,
      unexpected: sum.unexpected + one.unexpected,
      recovered: sum.recovered + one.recovered,
    }),
    none,
  );
}
