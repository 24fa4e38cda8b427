import { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import type { TokenCredential } from "@azure/identity";
import { expect } from "vitest";
import { z } from "zod";
import { limitedOptions } from "../../shared/adapters/azure/limits.ts";
import { createAcrBuilder } from "../../shared/adapters/container-registry/image-builder.ts";
import type { BuildState, ImageBuilder } from "../../shared/ports/image-builder.ts";
import { type GoodAnswer, SECRET, spoilAnswer, type WireAnswer } from "./answer-cases.ts";
import { meet, nameOf, type Question, show } from "./answer-checks.ts";
import { answerFetch } from "./answering-fetch.ts";
import { answeringHttpClient, good } from "./answering-http-client.ts";
import type { Json } from "./json-value.ts";

export const CREDENTIAL: TokenCredential = {
  getToken: async () => ({ token: SECRET, expiresOnTimestamp: Date.now() + 3_600_000 }),
};

export const SUBSCRIPTION = "00000000-1111-2222-3333-444444444444";
const NAME = "belay-0123456789abcdef0123456789abcdef-1";
const DIGEST = `sha256:${"5".repeat(64)}`;
const REGISTRY = "/subscriptions/s/resourceGroups/models/providers/Microsoft.ContainerRegistry/registries/models";
const LOG = `https://logs.invalid/models/logs/ca1/rawtext.log?sig=${SECRET}`;
const LOG_TEXT = "Step 1/7 : FROM scratch\nStep 3/7 : COPY model/ model/\nCOPY failed: no such file or directory\n";

export function taskRun(name: string, status: string, more: { [key: string]: Json } = {}): { [key: string]: Json } {
  const run = { runId: "ca1", status, runType: "QuickBuild", provisioningState: "Succeeded", ...more };
  return {
    id: `${REGISTRY}/taskRuns/${name}`,
    name,
    type: "Microsoft.ContainerRegistry/registries/taskRuns",
    location: "westeurope",
    properties: {
      provisioningState: status === "Running" ? "Creating" : status,
      runRequest: { type: "DockerBuildRequest", sourceLocation: "source/a.tar.gz" },
      runResult: { id: `${REGISTRY}/runs/ca1`, name: "ca1", type: "runs", properties: run },
    },
  };
}

function built(name: string): Json {
  const image = { registry: "models.azurecr.io", repository: "churn", tag: "2-0123456789ab", digest: DIGEST };
  return taskRun(name, "Succeeded", { outputImages: [image] });
}

/** What a build came to is what the answer says of this very build. */
function checkState(state: BuildState, answer: WireAnswer, ofRun: boolean): string {
  if (state.kind === "absent") {
    expect(answer.status).toBe(404);
    return "absent";
  }
  if (ofRun) {
    expect(answer.status).toBeLessThan(300);
    const said = z.object({ name: z.string() }).parse(JSON.parse(answer.body.toString("utf8").replace(/^\ufeff/, "")));
    expect(said.name.toLowerCase()).toBe(NAME);
  }
  if (state.kind === "succeeded" && state.digest !== undefined)
    expect(answer.body.toString("utf8")).toContain(state.digest);
  if (state.kind === "failed") {
    expect(state.lastLines.length).toBeLessThanOrEqual(60);
    expect(state.message).not.toContain("sig=");
  }
  return state.kind;
}

interface Asked<T> {
  name: string;
  /** Good answers by what their address ends with; the first of them that fits. */
  answers: Readonly<Record<string, GoodAnswer>>;
  spoilable: readonly string[];
  others?: readonly Json[];
  call: (builder: ImageBuilder, signal: AbortSignal) => Promise<T>;
  check: (value: T, answer: WireAnswer, part: string) => string;
}

function question<T>({ name, answers, spoilable, others = [], call, check }: Asked<T>): Question {
  return {
    name,
    ask: async (random) => {
      const part = random.pick(spoilable);
      const spoiled = spoilAnswer(random, answers[part] ?? expect.fail(part), others);
      const answer = ({ pathname }: URL) => {
        const found =
          Object.keys(answers).find((one) => pathname.endsWith(one)) ?? expect.fail(`nobody asks ${pathname}`);
        return found === part ? spoiled : good(answers[found] ?? expect.fail(found));
      };
      const stop = answerFetch(answer);
      const client = clientOf(answer);
      const builder = createAcrBuilder({ client: async () => client, resourceGroup: "models", registryName: "models" });
      const met = await meet(call(builder, new AbortController().signal));
      stop();
      if (met.kind === "error") return { spoiled, became: nameOf(met.error) };
      try {
        // A log that cannot be read hides no failure.
        if ("error" in spoiled && part !== "/rawtext.log" && part !== "/listLogSasUrl") expect.fail("it was no answer");
        return { spoiled, became: check(met.value, "error" in spoiled ? NOTHING : spoiled.answer, part) };
      } catch (error) {
        throw new Error(`${part}: ${show(spoiled)} became ${JSON.stringify(met.value)}: ${error}`, { cause: error });
      }
    },
  };
}

const NOTHING: WireAnswer = { status: 0, headers: {}, body: Buffer.alloc(0) };

/** As Belay opens it, but for the network; it is kept, because opening one costs more than asking. */
let current: (url: URL) => ReturnType<typeof good> = () => expect.fail("nothing is asked yet");
let opened: ContainerRegistryManagementClient | undefined;
export function clientOf(answer: typeof current): ContainerRegistryManagementClient {
  current = answer;
  opened ??= new ContainerRegistryManagementClient(CREDENTIAL, SUBSCRIPTION, {
    ...limitedOptions({ timeoutMs: 20_000, maxBytes: 4 * 1024 * 1024 }),
    httpClient: answeringHttpClient((_method, url) => current(url)),
  });
  return opened;
}

const request = {
  name: NAME,
  sourcePath: "source/a.tar.gz",
  images: ["churn:2-0123456789ab"],
  arguments: {},
  platform: "linux/amd64",
  timeoutSeconds: 3_600,
};
const look = (builder: ImageBuilder, signal: AbortSignal) => builder.look(NAME, signal);
const registry = {
  id: REGISTRY,
  name: "models",
  location: "westeurope",
  properties: { loginServer: "models.azurecr.io" },
};

export const TASKS: readonly Question[] = [
  question({
    name: "a build that succeeded",
    answers: { [`/taskRuns/${NAME}`]: { status: 200, body: built(NAME) } },
    spoilable: [`/taskRuns/${NAME}`],
    others: [built("belay-another-1"), taskRun(NAME, "Running"), registry, { value: [built(NAME)] }],
    call: look,
    check: (state, answer) => checkState(state, answer, true),
  }),
  question({
    name: "a build that runs",
    answers: { [`/taskRuns/${NAME}`]: { status: 200, body: taskRun(NAME, "Running") } },
    spoilable: [`/taskRuns/${NAME}`],
    others: [taskRun("belay-another-1", "Running")],
    call: look,
    check: (state, answer) => checkState(state, answer, true),
  }),
  question({
    name: "a build that failed",
    answers: {
      [`/taskRuns/${NAME}`]: { status: 200, body: taskRun(NAME, "Failed", { runErrorMessage: "failed to build" }) },
      "/listLogSasUrl": { status: 200, body: { logLink: LOG } },
      "/rawtext.log": { status: 200, body: LOG_TEXT },
    },
    spoilable: ["/listLogSasUrl", "/rawtext.log"],
    call: look,
    check: (state, answer) => {
      expect(state.kind).toBe("failed");
      return checkState(state, answer, false);
    },
  }),
  question({
    name: "asking for a build",
    answers: {
      [`/taskRuns/${NAME}`]: { status: 201, body: taskRun(NAME, "Running") },
      "/registries/models": { status: 200, body: registry },
    },
    spoilable: [`/taskRuns/${NAME}`, "/registries/models"],
    call: (builder, signal) => builder.start(request, signal),
    check: (_value, { status }) => {
      expect(status).toBeLessThan(300);
      return "taken";
    },
  }),
  question({
    name: "removing a build's record",
    answers: { [`/taskRuns/${NAME}`]: { status: 200, body: "" } },
    spoilable: [`/taskRuns/${NAME}`],
    call: (builder, signal) => builder.remove(NAME, signal),
    check: (_value, { status }) => {
      expect(status < 300 || status === 404).toBe(true);
      return "removed";
    },
  }),
];
