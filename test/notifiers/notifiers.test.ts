import { createHmac, timingSafeEqual } from "node:crypto";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createNotifiers } from "../../shared/notifiers/index.ts";
import { createSlackNotifier } from "../../shared/notifiers/slack.ts";
import { createWebhookNotifier } from "../../shared/notifiers/webhook.ts";
import type { Notification, Notifier } from "../../shared/ports/notifier.ts";
import { type Answer, says, useServers } from "../adapters/mlflow-server.ts";

const serve = useServers();
const signal = AbortSignal.timeout(60_000);
const NOW = 1_790_000_000_999;
const NOTIFICATION: Notification = {
  id: "churn/10/7",
  target: "churn",
  deployment: "churn/10",
  phase: "RolledBack",
  title: "churn version 2 was rolled back on churn",
  lines: ["Why: a prédiction was NaN 🚀.", "Serving now: churn version 1."],
  data: { deployment: "churn/10", phase: "RolledBack", version: "2" },
};

interface Received {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
}

/** A channel that keeps what it is sent and answers as it is told. */
async function channel(answer: Answer = says(200, "ok")) {
  const received: Received[] = [];
  const url = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
      answer(request, response);
    });
  });
  return { url, received };
}

/** Verification as https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md says it. */
function verify({ headers, body }: Received, secret: string, now: number): void {
  const said = z
    .object({ "webhook-id": z.string(), "webhook-timestamp": z.string(), "webhook-signature": z.string() })
    .parse(headers);
  const age = Math.abs(now / 1000 - Number(said["webhook-timestamp"]));
  if (!(age <= 300)) throw new Error("the timestamp is too old");
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const content = `${said["webhook-id"]}.${said["webhook-timestamp"]}.${body}`;
  const expected = createHmac("sha256", key).update(content).digest();
  const matches = said["webhook-signature"].split(" ").some((part) => {
    const [scheme, signature = ""] = part.split(",");
    const given = Buffer.from(signature, "base64");
    return scheme === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (!matches) throw new Error("no signature matches");
}

describe("the webhook", () => {
  const SECRET = `whsec_${Buffer.from("a key of at least 24 bytes, which is enough").toString("base64")}`;

  it("is signed so that a verifier of Standard Webhooks takes it, and nothing else", async () => {
    const { url, received } = await channel();
    await createWebhookNotifier(url, SECRET, () => NOW).notify(NOTIFICATION, signal);
    const [sent] = received;
    if (sent === undefined) throw new Error("nothing was sent");
    verify(sent, SECRET, NOW);
    expect(() => verify(sent, SECRET.replace("whsec_Y", "whsec_Z"), NOW)).toThrow("signature");
    expect(() => verify({ ...sent, body: sent.body.replace("RolledBack", "Succeeded") }, SECRET, NOW)).toThrow();
    expect(() => verify({ ...sent, headers: { ...sent.headers, "webhook-id": "other" } }, SECRET, NOW)).toThrow();
    expect(() => verify(sent, SECRET, NOW + 301_000)).toThrow("too old");
  });

  it("is keyed with the bytes of a secret that is plain text", async () => {
    const { url, received } = await channel();
    await createWebhookNotifier(url, "sécrèt", () => NOW).notify(NOTIFICATION, signal);
    const [sent] = received;
    if (sent === undefined) throw new Error("nothing was sent");
    verify(sent, Buffer.from("sécrèt", "utf8").toString("base64"), NOW);
  });

  it("tells the ending as text and as data, under the notification's id and in whole seconds", async () => {
    const { url, received } = await channel(says(204));
    await createWebhookNotifier(url, SECRET, () => NOW).notify(NOTIFICATION, signal);
    expect(received[0]?.headers).toMatchObject({
      "content-type": "application/json",
      "webhook-id": "churn/10/7",
      "webhook-timestamp": "1790000000",
    });
    expect(JSON.parse(received[0]?.body ?? "")).toEqual({
      id: "churn/10/7",
      title: NOTIFICATION.title,
      text: "Why: a prédiction was NaN 🚀.\nServing now: churn version 1.",
      deployment: "churn/10",
      phase: "RolledBack",
      version: "2",
    });
  });
});

const slackMessage = z.object({
  text: z.string(),
  blocks: z.tuple([
    z.object({ type: z.literal("section"), text: z.object({ type: z.literal("mrkdwn"), text: z.string() }) }),
    z.object({ type: z.literal("context"), elements: z.array(z.object({ text: z.string() })) }),
  ]),
});

/** What Slack would show of a notification. */
async function posted(notification: Notification) {
  const { url, received } = await channel();
  await createSlackNotifier(url).notify(notification, signal);
  return slackMessage.parse(JSON.parse(received[0]?.body ?? ""));
}

describe("Slack", () => {
  it("shows title, sentences and deployment", async () => {
    const { text, blocks } = await posted(NOTIFICATION);
    expect(text).toBe(NOTIFICATION.title);
    expect(blocks[0].text.text).toBe(`*${NOTIFICATION.title}*\n${NOTIFICATION.lines.join("\n")}`);
    expect(blocks[1].elements[0]?.text).toBe("Deployment churn/10");
  });

  it("does not mention anybody whatever a model is called", async () => {
    const { text, blocks } = await posted({
      ...NOTIFICATION,
      title: "<!channel> a&b <https://evil.example|click>",
      lines: ["<@U123> & <#C1>"],
    });
    const all = `${text}${blocks[0].text.text}`;
    expect(all).not.toMatch(/[<>]/);
    expect(all).toContain("&lt;!channel&gt; a&amp;b");
  });

  it.each(["&".repeat(4_000), "<".repeat(4_000), "🚀".repeat(2_000), `x${"🚀".repeat(2_000)}`, "x".repeat(40_000)])(
    "stays within what a section takes, and cuts nothing in half (%#)",
    async (long) => {
      const { text, blocks } = await posted({ ...NOTIFICATION, title: long });
      for (const shown of [text, blocks[0].text.text]) {
        expect(shown.length).toBeLessThanOrEqual(3_000);
        expect(shown.length).toBeGreaterThan(2_990);
        expect(shown.isWellFormed()).toBe(true);
        expect(shown.replaceAll(/&(?:amp|lt|gt);/g, "")).not.toContain("&");
      }
    },
  );
});

describe.each<[string, (address: URL) => Notifier]>([
  ["the webhook", (address) => createWebhookNotifier(address, "secret-of-the-channel", () => NOW)],
  ["Slack", createSlackNotifier],
])("%s", (_name, create) => {
  const tell = async (answer: Answer) =>
    create(new URL("/T0/s3cret", (await channel(answer)).url)).notify(NOTIFICATION, signal);

  it.each([200, 201, 202, 204])("has taken it with %d", async (status) => {
    await tell(says(status));
  });

  it.each([408, 409, 429, 500, 502, 503, 504])("may take it later after %d, as late as it says", async (status) => {
    await expect(tell(says(status, "", { "retry-after": "30" }))).rejects.toMatchObject({
      name: "TransientError",
      code: "unreachable",
      retryAfterSeconds: 30,
    });
  });

  it.each([301, 302, 307, 400, 401, 403, 404, 410])("has refused it with %d", async (status) => {
    const elsewhere = await channel();
    await expect(tell(says(status, "no_service", { location: elsewhere.url.href }))).rejects.toMatchObject({
      name: "PermanentError",
      code: "configuration-wrong",
    });
    expect(elsewhere.received).toEqual([]);
  });

  it("may take it later where it gives no answer, and its address is not told", async () => {
    const error: unknown = await tell((request) => request.socket.destroy()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "TransientError", code: "unreachable" });
    expect(String(error)).not.toContain("s3cret");
  });
});

describe("the notifiers", () => {
  it("tell the log, with text and data", async () => {
    const logged: unknown[] = [];
    const { log } = createNotifiers({ log: (...line) => void logged.push(line), now: () => NOW });
    await log.notify(NOTIFICATION, signal);
    expect(logged).toEqual([
      [
        "info",
        "notification.told",
        { id: "churn/10/7", title: NOTIFICATION.title, text: NOTIFICATION.lines.join(" "), ...NOTIFICATION.data },
      ],
    ]);
  });

  it.each(["webhook", "slack"] as const)("say which setting is missing for %s", async (name) => {
    const notifiers = createNotifiers({ log: () => undefined, now: () => NOW });
    await expect(notifiers[name].notify(NOTIFICATION, signal)).rejects.toMatchObject({
      name: "PermanentError",
      code: "configuration-wrong",
      message: expect.stringMatching(/_URL is missing/),
    });
  });
});
