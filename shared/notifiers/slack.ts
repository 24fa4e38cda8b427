import { boundedFetch } from "../adapters/http/bounded-fetch.ts";
import type { Notifier } from "../ports/notifier.ts";
import { checkTaken } from "./check-taken.ts";

/** Longest text of one Slack section block. */
const MAX_TEXT = 3_000;

/** Posts each ending to a Slack incoming webhook. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
export function createSlackNotifier(address: URL): Notifier {
  return {
    notify: async ({ title, lines, deployment }, signal) => {
      const text = shortened(`*${plain(title)}*\n${lines.map(plain).join("\n")}`);
      const blocks = [
        { type: "section", text: { type: "mrkdwn", text } },
        { type: "context", elements: [{ type: "mrkdwn", text: `Deployment ${plain(deployment)}` }] },
      ];
      const answer = await boundedFetch(address, "Slack", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ text: shortened(plain(title)), blocks }),
        timeoutMs: 10_000,
        maxBytes: 64 * 1024,
        signal,
      });
      checkTaken("Slack", answer);
    },
  };
}

/** Slack reads these three as markup; names from the registry must not mention anybody. */
function plain(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Cuts no escape and no character in half: Slack refuses half a character. */
function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT).replace(/&[a-z]*$|[\ud800-\udbff]$/, "");
}
