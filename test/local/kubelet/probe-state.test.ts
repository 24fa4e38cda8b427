import { describe, expect, it } from "vitest";
import {
  initialProbeState,
  observe,
  type ProbeKind,
  type Thresholds,
} from "../../../infra/local/kubelet/probe-state.ts";

function resultsOf(kind: ProbeKind, thresholds: Thresholds, answers: string): (boolean | undefined)[] {
  let state = initialProbeState(kind);
  return [...answers].map((answer) => {
    state = observe(state, answer === "+", thresholds);
    return state.result;
  });
}

describe("a probe", () => {
  it.each<[string, ProbeKind, Thresholds, string, (boolean | undefined)[]]>([
    ["readiness begins false and follows one success", "readiness", {}, "-+", [false, true]],
    [
      "readiness is lost after three failures in a row",
      "readiness",
      {},
      "+--+---",
      [true, true, true, true, true, true, false],
    ],
    [
      "readiness waits for its success threshold",
      "readiness",
      { successThreshold: 2 },
      "+-++",
      [false, false, false, true],
    ],
    [
      "liveness begins true and fails at its threshold",
      "liveness",
      { failureThreshold: 2 },
      "-+--",
      [true, true, true, false],
    ],
    [
      "startup decides nothing before a threshold",
      "startup",
      { failureThreshold: 3 },
      "--+",
      [undefined, undefined, true],
    ],
    ["startup fails at its threshold", "startup", { failureThreshold: 2 }, "--", [undefined, false]],
  ])("%s", (_name, kind, thresholds, answers, results) => {
    expect(resultsOf(kind, thresholds, answers)).toEqual(results);
  });
});
