import { describe, expect, it } from "vitest";
import type { Traffic } from "../../shared/domain/traffic.ts";
import { measureWindow, type PodReading, type Side } from "../../shared/domain/traffic-window.ts";
import { NOW } from "./build.ts";

const LATER = NOW + 600_000;

/** Half of the requests took at most 0.1 s, all at most 1 s. */
function traffic(requests: number, errors = 0): Traffic {
  const buckets = [
    { le: 0.1, count: requests / 2 },
    { le: 1, count: requests },
  ];
  return { requests, errors, latency: { buckets, count: requests } };
}

function pod(name: string, served: Traffic | string, startedAt = NOW - 60_000): PodReading {
  const side: Side = name.startsWith("new") ? "candidate" : "stable";
  const reading =
    typeof served === "string"
      ? ({ kind: "unreadable", reason: served } as const)
      : ({ kind: "traffic", traffic: served } as const);
  return { pod: name, side, startedAt, reading };
}

const measure = (before: readonly PodReading[], after: readonly PodReading[]) =>
  measureWindow({ at: NOW, pods: before }, { at: LATER, pods: after });

describe("what both sides served in a window", () => {
  it("is what each pod counted more at its end, summed by side", () => {
    const before = [pod("new-a", traffic(100, 1)), pod("old-a", traffic(1_000, 5)), pod("old-b", traffic(2_000))];
    const after = [pod("new-a", traffic(300, 4)), pod("old-a", traffic(1_400, 6)), pod("old-b", traffic(2_200))];
    expect(measure(before, after)).toEqual({
      from: NOW,
      to: LATER,
      candidate: { ...traffic(200, 3), pods: 1, gaps: [] },
      stable: { ...traffic(600, 1), pods: 2, gaps: [] },
    });
  });

  it("is nothing where no pod is", () => {
    const nothing = { pods: 0, requests: 0, errors: 0, latency: { buckets: [], count: 0 }, gaps: [] };
    expect(measure([], [])).toMatchObject({ candidate: nothing, stable: nothing });
  });

  it.each([
    {
      name: "of a pod that started in it is all that it served",
      before: undefined,
      after: pod("new-a", traffic(40), NOW),
      requests: 40,
      gaps: [],
    },
    {
      name: "of a pod that had served nothing yet is all that it served",
      before: pod("new-a", { requests: 0, errors: 0, latency: { buckets: [], count: 0 } }),
      after: pod("new-a", traffic(40)),
      requests: 40,
      gaps: [],
    },
    {
      name: "of a pod that was there before but not read is not known",
      before: undefined,
      after: pod("new-a", traffic(40)),
      requests: 0,
      gaps: ["new-a is not counted: it was not read at the beginning"],
    },
    {
      name: "of a pod that could not be read at the beginning is not known",
      before: pod("new-a", "no answer within 2 s"),
      after: pod("new-a", traffic(40)),
      requests: 0,
      gaps: ["new-a is not counted: it was not read at the beginning: no answer within 2 s"],
    },
    {
      name: "of a pod that cannot be read at the end is not known",
      before: pod("new-a", traffic(40)),
      after: pod("new-a", "answered 500"),
      requests: 0,
      gaps: ["new-a is not counted: answered 500"],
    },
    {
      name: "of a pod that is gone is not known",
      before: pod("new-a", traffic(40)),
      after: undefined,
      requests: 0,
      gaps: ["new-a is gone: what it served is not counted"],
    },
    {
      name: "of a pod whose requests fell is what it served since it restarted",
      before: pod("new-a", traffic(40)),
      after: pod("new-a", traffic(30)),
      requests: 30,
      gaps: ["new-a restarted: what it served before that is not counted"],
    },
    {
      name: "of a pod whose container is younger is what it served since, though it is more than before",
      before: pod("new-a", traffic(40)),
      after: pod("new-a", traffic(60), NOW + 1_000),
      requests: 60,
      gaps: ["new-a restarted: what it served before that is not counted"],
    },
    {
      name: "of a pod that restarted and was not read before is what it served since",
      before: pod("new-a", "no answer within 2 s"),
      after: pod("new-a", traffic(60), NOW + 1_000),
      requests: 60,
      gaps: ["new-a restarted: what it served before that is not counted"],
    },
  ])("$name", ({ before, after, requests, gaps }) => {
    const { candidate } = measure(before === undefined ? [] : [before], after === undefined ? [] : [after]);
    expect(candidate.requests).toBe(requests);
    expect(candidate.latency.count).toBe(requests);
    expect(candidate.gaps).toEqual(gaps);
    expect(candidate.pods).toBe(requests === 0 ? 0 : 1);
  });

  const base = traffic(40, 4);
  it.each<{ name: string; after: Traffic }>([
    { name: "errors", after: { ...traffic(60), errors: 3 } },
    { name: "timed requests", after: { ...traffic(60, 4), latency: { ...traffic(60).latency, count: 39 } } },
    {
      name: "requests of a bucket",
      after: {
        ...traffic(60, 4),
        latency: {
          buckets: [
            { le: 0.1, count: 19 },
            { le: 1, count: 60 },
          ],
          count: 60,
        },
      },
    },
    {
      name: "buckets",
      after: { ...traffic(60, 4), latency: { buckets: [{ le: 1, count: 60 }], count: 60 } },
    },
  ])("counts from zero for a pod that has fewer $name than before", ({ after }) => {
    const { candidate } = measure([pod("new-a", base)], [pod("new-a", after)]);
    expect(candidate).toMatchObject({ requests: 60, gaps: [expect.stringContaining("restarted")] });
  });

  it("is the difference for a pod that has no fewer of anything", () => {
    const { candidate } = measure([pod("new-a", base)], [pod("new-a", traffic(60, 4))]);
    expect(candidate).toEqual({ ...traffic(20), pods: 1, gaps: [] });
  });

  it("keeps the bounds that all pods of a side have: a cumulative count is true at each", () => {
    const other: Traffic = {
      requests: 10,
      errors: 0,
      latency: {
        buckets: [
          { le: 0.5, count: 3 },
          { le: 1, count: 10 },
        ],
        count: 10,
      },
    };
    const idle = traffic(0);
    const after = [pod("new-a", traffic(20), LATER), pod("new-b", other, LATER), pod("new-c", idle, LATER)];
    expect(measure([], after).candidate).toMatchObject({
      pods: 3,
      latency: { buckets: [{ le: 1, count: 30 }], count: 30 },
    });
  });

  it("says of many pods that are gone only how many more they are", () => {
    const names = (count: number) => Array.from({ length: count }, (_, at) => pod(`new-${at}`, traffic(10)));
    expect(measure(names(8), []).candidate.gaps).toHaveLength(8);
    const { gaps } = measure(names(20), []).candidate;
    expect(gaps).toHaveLength(8);
    expect(gaps.at(-1)).toBe("and 13 more pods");
  });
});
