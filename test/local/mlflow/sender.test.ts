import { describe, expect, test } from "vitest";
import type { Clock } from "../../../infra/local/mlflow/clock.ts";
import { prepareDelivery } from "../../../infra/local/mlflow/delivery.ts";
import { aliasCreated } from "../../../infra/local/mlflow/events.ts";
import { type Attempt, type Sent, sendDelivery } from "../../../infra/local/mlflow/sender.ts";
import type { Incoming, Outgoing } from "../../../infra/local/mlflow/transport.ts";

const TIME_LIMIT = 30_000;
const START = 1_790_000_000_000;

type Scripted = { status: number; headers?: Record<string, string> } | "reset" | "silence";

interface Outcome {
  sent: Sent;
  /** Seconds slept between attempts. */
  delays: number[];
  attempts: Attempt[];
  requests: Outgoing[];
}

/** Virtual time: sleeping moves the clock, and the time limit of an attempt passes only when there is silence. */
async function send(
  script: readonly Scripted[],
  address = "http://receiver.test/hook",
  random = 0.5,
): Promise<Outcome> {
  const delays: number[] = [];
  const attempts: Attempt[] = [];
  const requests: Outgoing[] = [];
  let now = START;
  let expire: () => void = () => undefined;
  const clock: Clock = {
    now: () => now,
    async sleep(milliseconds, signal) {
      if (milliseconds === TIME_LIMIT) {
        await new Promise<void>((resolve, reject) => {
          expire = resolve;
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        });
      } else delays.push(milliseconds / 1000);
      now += milliseconds;
    },
  };
  const answer = (outgoing: Outgoing, signal: AbortSignal): Promise<Incoming> => {
    const next = script[Math.min(requests.length, script.length - 1)];
    requests.push(outgoing);
    if (next === "reset" || next === undefined) return Promise.reject(new Error("connection reset"));
    if (next !== "silence") return Promise.resolve({ status: next.status, headers: next.headers ?? {}, body: "seen" });
    expire();
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  };
  const delivery = prepareDelivery({
    id: "6f1f0d1e-3c0e-4b52-9a55-0f6e2a1f7c01",
    event: aliasCreated("churn", "champion", "7"),
    sentAt: START,
    workspace: undefined,
    secret: "secret",
  });
  const record = (attempt: Attempt): number => attempts.push(attempt);
  const deps = { clock, random: () => random, send: answer };
  const sent = await sendDelivery(deps, delivery, address, record, new AbortController().signal);
  return { sent, delays, attempts, requests };
}

describe("retries", () => {
  test.for([429, 500, 502, 503, 504])(
    "a status of %i is tried four times: at once, after 2-3 s, after 4-5 s",
    async (status) => {
      const { sent, delays, attempts } = await send([{ status }]);
      expect(attempts.map((attempt) => attempt.status)).toEqual([status, status, status, status]);
      expect(delays).toEqual([2.5, 4.5]);
      expect(sent).toEqual({ kind: "answered", status, body: "seen" });
    },
  );

  test("the jitter is at most a second", async () => {
    expect((await send([{ status: 503 }], undefined, 0)).delays).toEqual([2, 4]);
    expect((await send([{ status: 503 }], undefined, 1)).delays).toEqual([3, 5]);
  });

  test("a broken connection is tried four times and then has failed", async () => {
    const { sent, attempts } = await send(["reset"]);
    expect(attempts.map((attempt) => attempt.error)).toEqual(Array(4).fill("connection reset"));
    expect(sent).toEqual({ kind: "failed", error: "connection reset" });
  });

  test("a receiver that says nothing is given up after 30 s, four times", async () => {
    const { sent, attempts } = await send(["silence"]);
    expect(attempts.map((attempt) => (attempt.sentAt - START) / 1000)).toEqual([0, 30, 62.5, 97]);
    expect(sent).toMatchObject({ kind: "failed", error: expect.stringContaining("timed out") });
  });

  test("the first good answer ends it", async () => {
    const { sent, attempts } = await send([{ status: 503 }, "reset", { status: 202 }]);
    expect(attempts).toHaveLength(3);
    expect(sent).toMatchObject({ kind: "answered", status: 202 });
  });

  test.for([400, 401, 403, 404, 408, 409, 410, 413, 422, 425, 501, 507])(
    "a status of %i is not tried again",
    async (status) => {
      expect((await send([{ status }])).attempts).toHaveLength(1);
    },
  );

  test("every attempt carries the same id, time, signature and body", async () => {
    const { requests } = await send([{ status: 500 }]);
    expect(new Set(requests.map((request) => JSON.stringify([request.headers, request.body]))).size).toBe(1);
  });
});

describe("Retry-After", () => {
  const withRetryAfter = (value: string, status = 503): Promise<Outcome> =>
    send([{ status, headers: { "retry-after": value } }]);

  test.for([429, 500, 502, 503, 504, 413])("is waited for on a status of %i", async (status) => {
    expect((await withRetryAfter("7", status)).delays).toEqual([7, 7, 7]);
  });

  test.for(["0", "Mon, 21 Sep 2020 14:13:20 GMT"])("of %s means the usual delay", async (value) => {
    expect((await withRetryAfter(value)).delays).toEqual([2.5, 4.5]);
  });

  test("as a date is waited for", async () => {
    expect((await withRetryAfter(new Date(START + 90_000).toUTCString())).delays[0]).toBe(90);
  });

  test("is never longer than six hours", async () => {
    expect((await withRetryAfter("999999")).delays[0]).toBe(6 * 3600);
  });

  test.for(["1.5", "soon", "2026-09-21T14:13:20Z", "-1"])(
    "of %s cannot be read and ends the delivery",
    async (value) => {
      const { sent, attempts } = await withRetryAfter(value);
      expect(attempts).toHaveLength(1);
      expect(sent).toEqual({ kind: "failed", error: `Invalid Retry-After header: ${value}` });
    },
  );
});

describe("redirects", () => {
  const to = (status: number, location: string): Scripted => ({ status, headers: { location } });
  const names = (request: Outgoing | undefined): string[] => (request?.headers ?? []).map(([name]) => name);

  test.for([301, 302, 303])("%i becomes a GET without body that still carries the signature", async (status) => {
    const { requests, sent } = await send([to(status, "http://other.test/landed"), { status: 200 }]);
    expect(requests[1]).toMatchObject({ method: "GET", body: "", url: new URL("http://other.test/landed") });
    expect(names(requests[1])).toContain("X-MLflow-Signature");
    expect(names(requests[1])).not.toContain("Content-Type");
    expect(names(requests[1])).not.toContain("Content-Length");
    expect(sent).toMatchObject({ kind: "answered", status: 200 });
  });

  test.for([307, 308])("%i keeps method, body and headers", async (status) => {
    const { requests } = await send([to(status, "/moved?x=1"), { status: 200 }]);
    expect(requests[1]).toMatchObject({ ...requests[0], url: new URL("http://receiver.test/moved?x=1") });
  });

  test("each hop has its own four attempts", async () => {
    const { attempts } = await send([{ status: 503 }, to(307, "/moved"), { status: 503 }]);
    expect(attempts.map((attempt) => attempt.status)).toEqual([503, 307, 503, 503, 503, 503]);
  });

  test("a GET after a redirect is not tried again for its status", async () => {
    expect((await send([to(302, "/landed"), { status: 503 }])).attempts).toHaveLength(2);
  });

  test("a circle ends after thirty", async () => {
    const { sent, attempts } = await send([to(307, "/again")]);
    expect(sent).toEqual({ kind: "failed", error: "Exceeded 30 redirects." });
    expect(attempts).toHaveLength(31);
  });

  test("user and password go as Basic, and not to another host", async () => {
    const { requests } = await send(
      [to(307, "http://other.test/"), { status: 200 }],
      "https://user:p%40ss@receiver.test/hook",
    );
    expect(requests[0]?.headers).toContainEqual(["Authorization", `Basic ${btoa("user:p@ss")}`]);
    expect(requests[0]?.url.href).toBe("https://receiver.test/hook");
    expect(names(requests[1])).not.toContain("Authorization");
  });
});
