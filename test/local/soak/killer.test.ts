import { describe, expect, it } from "vitest";
import { drawLife, keepKilling } from "../../../infra/local/soak/killer.ts";
import { createRandom } from "../../../infra/local/soak/random.ts";
import { AppRefusedError } from "../../../infra/local/stack/app-process.ts";

/** An app that is a list of what happened to it. */
function createApp(refusals = 0) {
  const happened: string[] = [];
  let refused = 0;
  let end = () => {};
  let ended = new Promise<void>((resolve) => (end = resolve));
  return {
    happened,
    endByItself: () => end(),
    appEnded: () => ended,
    killApp: async () => {
      happened.push("killed");
      end();
    },
    startAppAgain: async () => {
      if (refused++ < refusals) throw new AppRefusedError(1, ["No."]);
      happened.push("started");
      ended = new Promise<void>((resolve) => (end = resolve));
    },
  };
}

function kill(app: ReturnType<typeof createApp>, sleep: (ms: number, signal: AbortSignal) => Promise<unknown>) {
  const stop = new AbortController();
  const counts = { kills: 0, starts: 0, ownEnds: 0 };
  const killing = keepKilling({
    stack: app,
    random: createRandom(7, "kills"),
    meanMs: () => 2_000,
    signal: stop.signal,
    onKill: () => void counts.kills++,
    onStart: () => void counts.starts++,
    onOwnEnd: () => void counts.ownEnds++,
    sleep,
  });
  return { stop, counts, killing };
}

describe("the killer", () => {
  it("kills and starts in turn, and leaves the app running", async () => {
    const app = createApp();
    let sleeps = 0;
    const { stop, counts, killing } = kill(app, async () => {
      if (++sleeps === 4) stop.abort();
    });
    await killing;
    expect(app.happened).toEqual(["killed", "started", "killed", "started", "killed", "started"]);
    expect(counts).toEqual({ kills: 3, starts: 3, ownEnds: 0 });
  });

  it("starts an app that ended by itself, and says so", async () => {
    const app = createApp();
    let sleeps = 0;
    const { stop, counts, killing } = kill(app, (_ms, signal) => {
      if (++sleeps === 2) stop.abort();
      else app.endByItself();
      return new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason);
        else signal.addEventListener("abort", () => reject(signal.reason));
      });
    });
    await killing;
    expect(app.happened).toEqual(["started"]);
    expect(counts).toEqual({ kills: 0, starts: 1, ownEnds: 1 });
  });

  it.each([
    ["starts again an app that refused a few times", 4, ["killed", "started"]],
    ["gives up on one that goes on refusing", 5, ["killed"]],
  ])("%s", async (_name, refusals, happened) => {
    const app = createApp(refusals);
    const outcome = kill(app, async () => {
      if (app.happened.length > 0) outcome.stop.abort();
    });
    const refused = await outcome.killing.then(
      () => false,
      () => true,
    );
    expect([app.happened, refused]).toEqual([happened, refusals === 5]);
  });
});

describe("a life", () => {
  const lives = (mean: number) => {
    const random = createRandom(7, "lives");
    return Array.from({ length: 2_000 }, () => drawLife(random, mean));
  };

  it.each([500, 1_500, 2_500, 4_000, 9_000])("with a mean of %i ms takes 1 to 5 s", (mean) => {
    const drawn = lives(mean);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(5_000);
    const average = drawn.reduce((sum, one) => sum + one, 0) / drawn.length;
    expect(Math.abs(average - Math.min(Math.max(mean, 1_001), 5_000))).toBeLessThan(100);
  });
});
