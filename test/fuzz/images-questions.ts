import { expect } from "vitest";
import { createAcrImages } from "../../shared/adapters/container-registry/image-registry.ts";
import type { ImageRegistry } from "../../shared/ports/image-registry.ts";
import type { HostileServer } from "../support/hostile-server.ts";
import { type GoodAnswer, spoilAnswer, type WireAnswer } from "./answer-cases.ts";
import { meet, nameOf, type Question, show } from "./answer-checks.ts";
import { answerWith } from "./answering-server.ts";
import type { Json } from "./json-value.ts";
import { CREDENTIAL } from "./tasks-questions.ts";

const REPOSITORY = "churn-0123456789abcdef";
const TAG = "2-0123456789ab";
const DIGEST = `sha256:${"5".repeat(64)}`;
const OTHER = `sha256:${"6".repeat(64)}`;

const times = { createdTime: "2026-09-21T14:13:20.0000000Z", lastUpdateTime: "2026-09-21T14:13:20.0000000Z" };
const attributes = (locked: boolean) => ({
  deleteEnabled: !locked,
  writeEnabled: !locked,
  readEnabled: true,
  listEnabled: true,
});

function manifest(digest: string, locked: boolean, imageName = REPOSITORY): Json {
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const what = { digest, imageSize: 1_234, architecture: "amd64", os: "linux", mediaType, tags: [TAG] };
  return {
    registry: "models.azurecr.io",
    imageName,
    manifest: { ...what, ...times, changeableAttributes: attributes(locked) },
  };
}

function tag(name: string, digest: string, imageName = REPOSITORY): Json {
  const what = { name, digest, signed: false, changeableAttributes: attributes(false) };
  return { registry: "models.azurecr.io", imageName, tag: { ...what, ...times } };
}

interface Asked<T> {
  name: string;
  good: GoodAnswer;
  others: readonly Json[];
  call: (images: ImageRegistry, signal: AbortSignal) => Promise<T>;
  check: (value: T, answer: WireAnswer) => string;
}

/** The registry's client opens its own connections, so its answers go over one. */
export function imagesQuestions(server: HostileServer): readonly Question[] {
  const images = createAcrImages({ endpoint: server.url, credential: CREDENTIAL });
  const question = <T>({ name, good, others, call, check }: Asked<T>): Question => ({
    name,
    ask: async (random) => {
      const spoiled = spoilAnswer(random, good, others);
      answerWith(server, spoiled);
      const met = await meet(call(images, new AbortController().signal));
      if (met.kind === "error") return { spoiled, became: nameOf(met.error) };
      try {
        if ("error" in spoiled) return expect.fail("a value out of no answer");
        return { spoiled, became: check(met.value, spoiled.answer) };
      } catch (error) {
        throw new Error(`${show(spoiled)} became ${JSON.stringify(met.value)}: ${error}`, { cause: error });
      }
    },
  });
  return [
    question({
      name: "the digest of a tag",
      good: { status: 200, body: tag(TAG, DIGEST) },
      others: [tag("1-another", OTHER), tag(TAG, OTHER, "another"), tag(TAG, "latest"), manifest(DIGEST, false)],
      call: (registry, signal) => registry.digestOf(REPOSITORY, TAG, signal),
      check: (value, answer) => {
        if (value === undefined) return isAbsent(answer);
        const said = parsed(answer);
        expect([said.imageName, said.tag.name, said.tag.digest]).toEqual([REPOSITORY, TAG, value]);
        expect(value).toMatch(/^sha256:[0-9a-f]{64}$/);
        return "a digest";
      },
    }),
    question({
      name: "whether an image is there",
      good: { status: 200, body: manifest(DIGEST, false) },
      others: [manifest(OTHER, false), tag(TAG, DIGEST)],
      call: (registry, signal) => registry.exists(REPOSITORY, DIGEST, signal),
      check: (value, answer) => {
        if (!value) return isAbsent(answer);
        expect(parsed(answer).manifest.digest).toBe(DIGEST);
        return "there";
      },
    }),
    question({
      name: "locking an image",
      good: { status: 200, body: manifest(DIGEST, true) },
      others: [manifest(DIGEST, false), manifest(OTHER, true)],
      call: (registry, signal) => registry.lock(REPOSITORY, DIGEST, signal),
      check: (value, answer) => {
        if (!value) return isAbsent(answer);
        const { digest, changeableAttributes } = parsed(answer).manifest;
        expect(digest).toBe(DIGEST);
        // The SDK reads a plain false as that of every member.
        if (changeableAttributes !== false)
          expect(changeableAttributes).toMatchObject({ deleteEnabled: false, writeEnabled: false });
        return "locked";
      },
    }),
    question({
      name: "removing an image",
      good: { status: 202, body: "" },
      others: [manifest(DIGEST, true)],
      call: (registry, signal) => registry.remove(REPOSITORY, DIGEST, signal),
      check: (value, { status }) => {
        if (value === "absent") expect(status).toBe(404);
        else if (value === "locked") expect(status).toBe(405);
        else expect(status).toBeLessThan(300);
        return value;
      },
    }),
  ];
}

function isAbsent({ status }: WireAnswer): string {
  expect(status).toBe(404);
  return "absent";
}

function parsed({ status, body }: WireAnswer) {
  expect(status).toBe(200);
  return JSON.parse(body.toString("utf8").replace(/^\ufeff/, ""));
}
