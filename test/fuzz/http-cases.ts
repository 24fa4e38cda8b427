import { type FuzzRequest, sign, WEBHOOK } from "./http-request.ts";
import { flipBit, spoilText, TEXT_KINDS } from "./json-text.ts";
import { changeValue, type Json, VALUE_KINDS } from "./json-value.ts";
import { oddText } from "./odd-text.ts";
import { createRandom, type Random } from "./random.ts";

/** What the cases are made with. */
export interface HttpScene {
  secret: string;
  previousSecret: string;
  functionKey: string;
  /** Epoch seconds. */
  now: () => number;
  /** A deployment that is there. */
  deployment: string;
  target: string;
  /** A target of the policy. */
  policyTarget: string;
}

/** What the policy of the scene follows. */
const MODEL = "churn-classifier";
const ALIAS = "champion";
const MEBIBYTE = 1024 * 1024;
const REFUSED = [401];
/** Authentic, and then malformed or of no interest. */
const UNPROMOTED = [202, 400];

/** A delivery under construction: everything about it can still be changed, and signed or not. */
interface Draft {
  id: string;
  timestamp: string;
  body: Buffer;
  version: string;
}

function draft(random: Random, scene: HttpScene, index: number, changes: { [key: string]: Json } = {}): Draft {
  const version = String(1 + random.below(40));
  const data = { name: MODEL, version, alias: ALIAS, ...changes };
  const at = scene.now() - random.below(240);
  const value = {
    entity: "model_version_alias",
    action: "created",
    timestamp: new Date(at * 1000).toISOString(),
    data,
  };
  return { id: idOf(random, index), timestamp: String(at), body: Buffer.from(JSON.stringify(value)), version };
}

/** Up to 128 visible ASCII characters; the number keeps them apart. */
function idOf(random: Random, index: number): string {
  const own = `d${index}`;
  if (random.chance(0.9)) return own;
  const length = random.pick([1, 20, 128 - own.length]);
  return own + Array.from({ length }, () => String.fromCharCode(0x21 + random.below(0x5e))).join("");
}

function deliver(
  kind: string,
  { id, timestamp, body }: Draft,
  signature: string,
  right: readonly number[],
): FuzzRequest {
  const headers = [
    ["content-type", "application/json"],
    ["x-mlflow-delivery-id", id],
    ["x-mlflow-timestamp", timestamp],
    ["x-mlflow-signature", signature],
  ] as const;
  return { kind, method: "POST", target: WEBHOOK, headers, body, right };
}

function signed(kind: string, one: Draft, secret: string, right: readonly number[] = [202]): FuzzRequest {
  return deliver(kind, one, sign(secret, one.id, one.timestamp, one.body), right);
}

/** A delivery with a good signature, whatever its body says: promoted where it says what the policy follows. */
function authentic(kind: string, one: Draft, secret: string): FuzzRequest {
  const version = followedVersion(one.body);
  return version === undefined
    ? signed(kind, one, secret, UNPROMOTED)
    : { ...signed(kind, one, secret), promoted: { id: one.id, version } };
}

/** What a body says, read without the app: the version of the alias that is followed. */
function followedVersion(body: Uint8Array): string | undefined {
  try {
    const said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    const { name, alias, version } = said.data;
    const follows =
      said.entity === "model_version_alias" && said.action === "created" && name === MODEL && alias === ALIAS;
    return follows && typeof version === "string" && /^[0-9]{1,32}$/.test(version) ? version : undefined;
  } catch {
    return undefined;
  }
}

type Make = (random: Random, scene: HttpScene, index: number) => FuzzRequest;

function withHeaders(request: FuzzRequest, headers: FuzzRequest["headers"]): FuzzRequest {
  return { ...request, headers };
}

const SIGNED_HEADERS = ["x-mlflow-delivery-id", "x-mlflow-timestamp", "x-mlflow-signature"];

/** Every kind of request, and how often it is made in relation to the others. */
export const HTTP_CASES: Readonly<Record<string, readonly [weight: number, make: Make]>> = {
  followed: [80, (random, scene, index) => authentic("followed", draft(random, scene, index), scene.secret)],
  "signed with the previous secret": [
    10,
    (random, scene, index) =>
      authentic("signed with the previous secret", draft(random, scene, index), scene.previousSecret),
  ],
  again: [
    20,
    (_random, scene, index) => {
      const repeated = { ...draft(createRandom(index % 50), scene, index), id: `again-${index % 50}` };
      return authentic("again", repeated, scene.secret);
    },
  ],
  unfollowed: [
    80,
    (random, scene, index) => {
      const other = random.pick([{ name: oddText(random) }, { alias: oddText(random) }, { name: `${MODEL} ` }]);
      return authentic("unfollowed", draft(random, scene, index, other), scene.secret);
    },
  ],
  "names in another case": [
    20,
    (random, scene, index) => {
      const request = authentic("names in another case", draft(random, scene, index), scene.secret);
      return withHeaders(
        request,
        request.headers.map(([name, value]) => [anyCase(random, name), ` ${value}\t`]),
      );
    },
  ],
  chunked: [
    10,
    (random, scene, index) => ({
      ...authentic("chunked", draft(random, scene, index), scene.secret),
      framing: "chunked",
    }),
  ],
  "another content type": [
    20,
    (random, scene, index) => {
      const request = authentic("another content type", draft(random, scene, index), scene.secret);
      const type = random.pick([
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "\u00e9",
        "",
      ]);
      return withHeaders(request, [["content-type", type], ...request.headers.slice(1)]);
    },
  ],
  "a header missing": [
    50,
    (random, scene, index) => {
      const request = signed("a header missing", draft(random, scene, index), scene.secret, REFUSED);
      const missing = random.pick(SIGNED_HEADERS);
      return withHeaders(
        request,
        request.headers.filter(([name]) => name !== missing),
      );
    },
  ],
  "a header twice": [
    40,
    (random, scene, index) => {
      const request = signed("a header twice", draft(random, scene, index), scene.secret, REFUSED);
      const twice = random.pick(SIGNED_HEADERS);
      return withHeaders(
        request,
        request.headers.flatMap((one) => (one[0] === twice ? [one, one] : [one])),
      );
    },
  ],
  "a strange header": [
    50,
    (random, scene, index) => {
      // Too much of a header is refused by HTTP itself.
      const request = signed("a strange header", draft(random, scene, index), scene.secret, [401, 431]);
      const strange = random.pick(SIGNED_HEADERS);
      const value = random.pick([
        "",
        "\u00e9\u00ff",
        "x".repeat(7_000),
        "x".repeat(20_000),
        "v1,",
        "0",
        "-1",
        "1e9",
        "a b",
      ]);
      return withHeaders(
        request,
        request.headers.map((one) => (one[0] === strange ? [strange, value] : one)),
      );
    },
  ],
  "another signature": [
    50,
    (random, scene, index) => {
      const one = draft(random, scene, index);
      return deliver("another signature", one, wrongSignature(random, scene, one), REFUSED);
    },
  ],
  "another time": [
    40,
    (random, scene, index) => {
      const timestamp = random.pick([
        String(scene.now() - 302 - random.below(1e6)),
        String(scene.now() + 310 + random.below(1e6)),
        "0",
        "999999999999",
        "1234567890123",
        `+${scene.now()}`,
        `${scene.now()}.0`,
        `${scene.now()}000`,
        "NaN",
      ]);
      return signed("another time", { ...draft(random, scene, index), timestamp }, scene.secret, REFUSED);
    },
  ],
  "an id that is none": [
    20,
    (random, scene, index) => {
      const id = random.pick(["", " ", "a b", "\u00e9", "x".repeat(129), "a\tb", `${index}\u00a0x`]);
      return signed("an id that is none", { ...draft(random, scene, index), id }, scene.secret, REFUSED);
    },
  ],
  "a bit of the body": [
    70,
    (random, scene, index) => {
      const one = draft(random, scene, index);
      const request = signed("a bit of the body", one, scene.secret, REFUSED);
      return { ...request, body: flipBit(one.body, random.below(one.body.length), random.below(8)) };
    },
  ],
  "a piece of the body": [
    30,
    (random, scene, index) => {
      const one = draft(random, scene, index);
      const request = signed("a piece of the body", one, scene.secret, REFUSED);
      return { ...request, body: one.body.subarray(0, random.below(one.body.length)) };
    },
  ],
  "signed text": [
    120,
    (random, scene, index) => {
      const one = draft(random, scene, index);
      const body = spoilText(random, random.pick(TEXT_KINDS), one.body.toString("utf8"));
      return authentic("signed text", { ...one, body }, scene.secret);
    },
  ],
  "signed value": [
    150,
    (random, scene, index) => {
      const one = draft(random, scene, index);
      const value = changeValue(random, random.pick(VALUE_KINDS), JSON.parse(one.body.toString("utf8")), () =>
        oddText(random),
      );
      return authentic("signed value", { ...one, body: Buffer.from(JSON.stringify(value)) }, scene.secret);
    },
  ],
  "about 1 MiB": [
    1,
    (random, scene, index) => {
      const one = draft(random, scene, index);
      const length = MEBIBYTE + random.pick([-1, 0, 1, 2]);
      const body = Buffer.concat([one.body, Buffer.alloc(length - one.body.length, " ")]);
      if (length > MEBIBYTE) return signed("about 1 MiB", { ...one, body }, scene.secret, [413]);
      return authentic("about 1 MiB", { ...one, body }, scene.secret);
    },
  ],
  "another method": [
    30,
    (random, scene, index) => ({
      ...signed("another method", draft(random, scene, index), scene.secret, [405]),
      method: random.pick(["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    }),
  ],
  "another place": [
    30,
    (random, scene, index) => ({
      ...signed("another place", draft(random, scene, index), scene.secret, [400, 401, 404]),
      target: random.pick([
        `${WEBHOOK}/x`,
        `/api/webhooks//mlflow`,
        "/api/webhooks/mlflow%00",
        `/api/${inAddress(random)}`,
        "/api/webhooks/../deployments",
        "/",
        "//",
        "/api/webhooks/%zz",
        "*",
      ]),
    }),
  ],
  "a broken request": [
    20,
    (random, scene, index) => broken(random, signed("a broken request", draft(random, scene, index), scene.secret)),
  ],
  "one deployment": [
    60,
    (random, scene) => asPerson("one deployment", random, scene, "GET", `/api/deployments/${idInPath(random, scene)}`),
  ],
  deployments: [
    60,
    (random, scene) => asPerson("deployments", random, scene, "GET", `/api/deployments?${listQuery(random, scene)}`),
  ],
  "a target": [30, onTarget],
  "dead letters": [10, onDeadLetters],
};

/** Half a character cannot be written in an address. */
function inAddress(random: Random): string {
  return encodeURIComponent(oddText(random).toWellFormed());
}

function asPerson(
  kind: string,
  random: Random,
  { functionKey }: HttpScene,
  method: string,
  target: string,
  body: Uint8Array = Buffer.alloc(0),
): FuzzRequest {
  const withKey = random.chance(0.95);
  const headers = withKey ? ([["x-functions-key", functionKey]] as const) : [];
  return { kind, method, target, headers, body, right: withKey ? [200, 400, 404, 409] : [401, 400, 404] };
}

/** Never `promote` on a target that is there: the bus would hold a promotion that no delivery brought. */
function onTarget(random: Random, scene: HttpScene): FuzzRequest {
  const known = random.chance(0.3);
  const target = known ? scene.policyTarget : random.pick([scene.target, `${inAddress(random)}`, "a".repeat(70)]);
  if (random.chance(0.3)) return asPerson("a target", random, scene, "GET", `/api/targets/${target}`);
  const commands = ["stop", "hold", "release", "forget-stable", inAddress(random), "Hold", "__proto__"];
  const command = random.pick(known ? commands : [...commands, "promote"]);
  const body = spoiled(random, { by: "somebody", reason: "because" });
  return asPerson("a target", random, scene, "POST", `/api/targets/${target}/${command}`, body);
}

function onDeadLetters(random: Random, scene: HttpScene): FuzzRequest {
  if (random.chance(0.3)) {
    const limit = random.pick(["1", "3", "0", "1000", "-1", "", inAddress(random)]);
    return asPerson("dead letters", random, scene, "GET", `/api/dead-letters?limit=${limit}`);
  }
  const sequenceNumber = random.pick(["1", "0", "9223372036854775807", "9999999999999999999", "007"]);
  const queue = random.pick(["promotions", "verify", oddText(random)]);
  const one = { by: "somebody", place: random.pick(["dead-letter", "poison"]), queue, sequenceNumber };
  const body = spoiled(random, random.chance(0.8) ? one : { by: "somebody", all: true, dryRun: true });
  const what = random.pick(["replay", "discard"]);
  return asPerson("dead letters", random, scene, "POST", `/api/dead-letters/${what}`, body);
}

/** As it should be in a third of the cases. */
function spoiled(random: Random, value: Json): Buffer {
  const choice = random.below(3);
  if (choice === 0) return Buffer.from(JSON.stringify(value));
  if (choice === 1) return spoilText(random, random.pick(TEXT_KINDS), JSON.stringify(value));
  return Buffer.from(JSON.stringify(changeValue(random, random.pick(VALUE_KINDS), value, () => oddText(random))));
}

function anyCase(random: Random, name: string): string {
  return [...name].map((letter) => (random.chance(0.5) ? letter.toUpperCase() : letter)).join("");
}

function wrongSignature(random: Random, { secret, now }: HttpScene, { id, timestamp, body }: Draft): string {
  const right = sign(secret, id, timestamp, body);
  return random.pick([
    () => sign(secret, id, timestamp, Buffer.from("{}")),
    () => sign(secret, `${id}x`, timestamp, body),
    () => sign(secret, id, String(now() - 299), Buffer.concat([body, Buffer.from(" ")])),
    () => sign("another secret", id, timestamp, body),
    () => right.replace("v1,", "v2,"),
    () => right.slice(3),
    () => `${right} ${right}`,
    () => right.replace(/=+$/, ""),
    () => `v1,${Buffer.from(right.slice(3), "base64").toString("hex")}`,
    () => right.replace(/^v1,(.)/, (_, first) => `v1,${first === "A" ? "B" : "A"}`),
    () => right.toUpperCase(),
    () => "v1,",
    () => `,${right}`,
  ])();
}

/** Not HTTP any more, or more than one reading of it. The parser answers, or nobody does. */
function broken(random: Random, request: FuzzRequest): FuzzRequest {
  const head = request.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const rest = `host: localhost\r\n${head}`;
  const length = `content-length: ${request.body.length}\r\n\r\n`;
  const text = random.pick([
    `POST ${WEBHOOK} HTTP/9.9\r\n${rest}${length}`,
    `${"P".repeat(300)} ${WEBHOOK} HTTP/1.1\r\n${rest}${length}`,
    `POST ${WEBHOOK}\u0000 HTTP/1.1\r\n${rest}${length}`,
    `POST ${WEBHOOK} HTTP/1.1\r\n${rest}x-null: a\u0000b\r\n${length}`,
    `POST ${WEBHOOK} HTTP/1.1\r\n${rest.replace("x-mlflow-delivery-id: ", "x-mlflow-delivery-id: a\r\n b")}${length}`,
    `POST ${WEBHOOK} HTTP/1.1\r\n${rest.replace("x-mlflow-delivery-id: ", "x-mlflow-delivery-id: a\nx-b: ")}${length}`,
    `POST ${WEBHOOK} HTTP/1.1\r\n${rest}transfer-encoding: chunked\r\n${length}0\r\n\r\n`,
    `POST ${WEBHOOK} HTTP/1.1\r\n${rest}transfer-encoding: chunked\r\n\r\nzz\r\n`,
    `POST ${WEBHOOK} HTTP/1.1\r\n${rest}content-length: -1\r\n\r\n`,
    `POST ${WEBHOOK} HTTP/1.1\r\n${rest}content-length: 99999999999999\r\n\r\n`,
    `POST ${WEBHOOK} HTTP/1.1\r\n${rest}content-length: 1\r\n${length}`,
    "\r\n\r\n\u0016\u0003\u0001",
    "GET",
  ]);
  const raw = Buffer.concat([Buffer.from(text, "latin1"), request.body]);
  // 0: the connection ends without an answer, because the request never came to its end.
  return { ...request, raw, right: [0, 400, 401, 413] };
}

function idInPath(random: Random, { deployment, target }: HttpScene): string {
  return random.pick([
    () => deployment,
    () => inAddress(random),
    () => `${inAddress(random)}.1`,
    () => `${target}.${"9".repeat(1 + random.below(14))}`,
    () => `${target}'%20or%201%20eq%201.1`,
    () => "%00.1",
    () => "%F0%9F%9A%80.1",
    () => `${"a".repeat(60 + random.below(10))}.1`,
    () => `${target}.1%0d%0ax-a:%20b`,
    () => "x".repeat(random.pick([100, 4_000, 14_000])),
    () => "..%2f..%2fadmin",
    () => "%c0%af",
    () => "__proto__.1",
  ])();
}

function listQuery(random: Random, { target }: HttpScene): string {
  const odd = inAddress(random);
  return random.pick([
    () => `target=${target}&limit=${1 + random.below(100)}`,
    () => `target=${odd}`,
    () => `target=${target}&target=${odd}`,
    () => `target=${target}%27%20or%20PartitionKey%20ne%20%27`,
    () => `limit=${odd}&target=${target}`,
    () => `limit=${random.pick(["0", "101", "-1", "1e1", "", "007", "٣"].map(encodeURIComponent))}`,
    () => `${odd}=${odd}&target=`,
    () => "target=%zz&limit=%",
  ])();
}
