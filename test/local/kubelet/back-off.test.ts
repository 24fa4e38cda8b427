import { describe, expect, it } from "vitest";
import { type BackOff, nextBackOff } from "../../../infra/local/kubelet/back-off.ts";

const limits = { initialSeconds: 10, maxSeconds: 300 };

function waits(firstSeconds: number, count: number): number[] {
  const found: number[] = [];
  let backOff: BackOff | undefined;
  for (let index = 0; index < count; index += 1) {
    backOff = nextBackOff(backOff, backOff?.until ?? 0, limits, firstSeconds);
    found.push(backOff.waitSeconds);
  }
  return found;
}

describe("the back-off", () => {
  it("restarts at once the first time, then after 10 s, doubling to 300 s", () => {
    expect(waits(0, 8)).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  });

  it("lets the first pull wait 10 s already", () => {
    expect(waits(10, 4)).toEqual([10, 20, 40, 80]);
  });

  it("counts the wait from the failure", () => {
    expect(nextBackOff({ waitSeconds: 10, until: 1000 }, 5000, limits, 0)).toEqual({ waitSeconds: 20, until: 25_000 });
  });

  it("begins anew when a container ran for longer than twice the longest wait", () => {
    const former = { waitSeconds: 300, until: 0 };
    expect(nextBackOff(former, 600_000, limits, 0).waitSeconds).toBe(300);
    expect(nextBackOff(former, 600_001, limits, 0).waitSeconds).toBe(0);
  });
});
