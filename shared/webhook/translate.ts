import type { Said } from "./dialect.ts";
import { type MlflowEvent, parsePayload } from "./payload.ts";

/** Tags under this prefix are Belay's own: what it writes must never start anything. */
const OWN_TAGS = "belay.";

/** What an MLflow delivery's body means to Belay; never throws. */
export function readMlflow(rawBody: Uint8Array): Said {
  const payload = parsePayload(rawBody);
  switch (payload.kind) {
    case "known":
      return toWish(payload.known);
    case "unknown":
      return { kind: "other", event: payload.event };
    case "malformed":
      return payload;
    default:
      return payload satisfies never;
  }
}

function toWish(known: MlflowEvent): Said {
  const { event, data } = known;
  const wish = { kind: "wish", event, model: data.name, version: data.version } as const;
  switch (event) {
    case "model_version.created":
      return { ...wish, pointer: { kind: "newest" } };
    case "model_version_tag.set":
      if (data.key.startsWith(OWN_TAGS)) return { kind: "other", event };
      return { ...wish, pointer: { kind: "tag", key: data.key, value: data.value } };
    case "model_version_alias.created":
      return { ...wish, pointer: { kind: "alias", alias: data.alias } };
    default:
      return known satisfies never;
  }
}
