import type { TargetPolicy } from "../domain/policy.ts";
import { describePointer, type Promotion, samePointer } from "../domain/promotion.ts";
import type { Said } from "./dialect.ts";
import { DIALECTS, type DialectName } from "./index.ts";
import type { ReceivedHeaders, Signed } from "./signature.ts";

/** A delivery as it came, and what it is judged by. */
export interface ReceivedDelivery {
  rawBody: Uint8Array;
  headers: ReceivedHeaders;
  policies: readonly Pick<TargetPolicy, "model" | "pointer">[];
  /** The current secret, then the previous ones. */
  secrets: readonly string[];
  /** Epoch milliseconds. */
  now: number;
  dialect?: DialectName;
}

/** What is done with a delivery. */
export type Receipt =
  /** Not authentic; nothing more is said. */
  | { kind: "refused" }
  /** Authentic but not readable; the message repeats none of its values. */
  | { kind: "malformed"; message: string }
  /** Understood, and nothing to do. */
  | { kind: "ignored"; reason: string }
  | { kind: "accepted"; promotion: Promotion };

/** Reasons name what a delivery says; no longer than this. */
const MAX_NAME = 200;

/** Decides about a delivery without asking anyone; never throws. */
export function receiveDelivery({ dialect = "mlflow", ...delivery }: ReceivedDelivery): Receipt {
  const { rawBody, headers, policies, secrets, now } = delivery;
  const { verify, read } = DIALECTS[dialect];
  const signed = verify(headers, rawBody, secrets, now);
  if (signed === undefined) return { kind: "refused" };
  const said = read(rawBody);
  switch (said.kind) {
    case "malformed":
      return said;
    case "other":
      return { kind: "ignored", reason: `The event ${said.event} promotes nothing.` };
    case "wish":
      return consider(said, policies, signed);
    default:
      return said satisfies never;
  }
}

type Wish = Extract<Said, { kind: "wish" }>;

/** One promotion however many targets follow it: they are found when it is accepted. */
function consider(wish: Wish, policies: ReceivedDelivery["policies"], { id, signedAt }: Signed): Receipt {
  const { event, model, version, pointer } = wish;
  if (!policies.some((policy) => policy.model === model && samePointer(policy.pointer, pointer)))
    return { kind: "ignored", reason: unfollowed(wish) };
  const origin = { kind: "webhook", deliveryId: id, event } as const;
  return { kind: "accepted", promotion: { id, model, pointer, version, wishedAt: signedAt, origin } };
}

function unfollowed({ model, pointer }: Wish): string {
  return `No target follows the ${describePointer(pointer).slice(0, MAX_NAME)} of ${model.slice(0, MAX_NAME)}.`;
}
