import { describe, expect, it } from "vitest";
import { restlessnessOf } from "../../../infra/local/soak/endings.ts";
import { messagesUnderWay, settle } from "../../../infra/local/soak/settle.ts";
import { createTally } from "../../../infra/local/soak/tally.ts";
import { type Sighting, testimonyOf } from "../../../infra/local/soak/witness.ts";

describe("the witness", () => {
  const saw = (token: string, image: string, target = "one"): Sighting => {
    const [generation = 0, sequence = 0] = token.split(".").map(Number);
    return { target, token: { generation, sequence }, image };
  };

  it.each<[string, readonly Sighting[], number]>([
    ["nothing", [], 0],
    ["one release after the other", [saw("1.4", "a"), saw("2.4", "b"), saw("3.4", "c")], 2],
    ["a change forward and one back", [saw("1.4", "a"), saw("2.4", "b"), saw("2.7", "a")], 2],
    ["the same once more under a later token", [saw("1.4", "a"), saw("2.4", "b"), saw("2.5", "b")], 1],
    ["two targets in turn", [saw("5.4", "a"), saw("1.4", "x", "two"), saw("6.4", "b"), saw("2.4", "y", "two")], 2],
  ])("has nothing to say against %s", (_name, sightings, changes) => {
    expect(testimonyOf(sightings)).toEqual({ changes, contradictions: [] });
  });

  it.each<[string, readonly Sighting[], string]>([
    ["an older deployment's token", [saw("2.4", "b"), saw("1.9", "a")], "one: the token 1.9 came after a newer one."],
    ["an older save's token", [saw("2.7", "a"), saw("2.4", "b")], "one: the token 2.4 came after a newer one."],
    [
      "a second change forward",
      [saw("1.4", "a"), saw("2.4", "b"), saw("2.7", "a"), saw("2.9", "b")],
      "one: the deployment 2 changed what runs 3 times, by 2.4, 2.7, 2.9.",
    ],
  ])("names %s", (_name, sightings, sentence) => {
    expect(testimonyOf(sightings).contradictions).toEqual([sentence]);
  });
});

describe("a model at rest", () => {
  const ended = { id: "one.1", model: "one", version: "3", phase: "Succeeded", endedAt: "2026-11-25T00:00:00Z" };
  const open = { id: "one.2", model: "one", version: "4", phase: "Running", step: "build" };
  const mover = (version: string | undefined) => ({ model: "one", standing: () => version });

  it.each<[string, string | undefined, readonly (typeof ended | typeof open)[], readonly string[]]>([
    ["runs what its alias says", "3", [ended], []],
    ["may have no alias", undefined, [ended], []],
    ["has nothing open", "4", [open, ended], ["one.2 is Running in build"]],
    ["wants what its alias says", "5", [ended], ["one is to run version 5, not 3"]],
    ["has taken its first promotion", "1", [], ["one is to run version 1, not undefined"]],
  ])("%s", (_name, version, deployments, expected) => {
    expect(restlessnessOf(mover(version), deployments)).toEqual(expected);
  });
});

describe("messages under way", () => {
  const none = { active: 0, locked: 0, scheduled: 0, deferred: 0, deadLetter: 0 };

  it.each([
    ["to be taken", "verify", { active: 1 }, 1],
    ["at hand", "verify", { locked: 1 }, 1],
    ["tried again later", "promotions", { scheduled: 1 }, 1],
    ["the next look at a deployment", "verify", { scheduled: 1 }, 0],
    ["set aside", "verify", { deadLetter: 1 }, 0],
  ])("%s", (_name, queue, counts, expected) => {
    expect(messagesUnderWay({ inspect: () => ({ ...none, ...counts }) }, [queue])).toHaveLength(expected);
  });
});

describe("settling", () => {
  const { signal } = new AbortController();

  it("is over when nothing is under way three times in a row", async () => {
    const looks = [["a"], [], [], ["b"], [], [], [], ["never asked"]];
    const look = async () => looks.shift() ?? [];
    expect(await settle({ look, limitMs: 5_000, lookMs: 1, signal })).toEqual([]);
    expect(looks).toEqual([["never asked"]]);
  });

  it("says what still is when the time is over", async () => {
    const look = async () => ["one.2 is Running in build"];
    expect(await settle({ look, limitMs: 5, lookMs: 1, signal })).toEqual(["one.2 is Running in build"]);
  });

  it("takes no answer for no rest", async () => {
    const look = () => Promise.reject(new Error("deployments answered 500"));
    expect(await settle({ look, limitMs: 5, lookMs: 1, signal })).toEqual(["deployments answered 500"]);
  });
});

it("the tally counts the app's events and nothing else", () => {
  const tally = createTally();
  const line = (event: string) => JSON.stringify({ level: "information", message: JSON.stringify({ event }) });
  for (const one of [line("sweep.sent"), line("sweep.sent"), line("deployment.ended"), "no line of the host", "{}"])
    tally.read(one);
  expect([tally.of("sweep.sent"), tally.of("reconcile.asked"), tally.ended()]).toEqual([2, 0, 1]);
});
