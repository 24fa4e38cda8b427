import { afterAll, beforeAll, describe, it } from "vitest";
import { type HostileServer, startHostileServer } from "../support/hostile-server.ts";
import { useLoopbackAzure } from "../support/loopback-azure.ts";
import { aksQuestion } from "./aks-questions.ts";
import { askAll } from "./answer-checks.ts";
import { cases } from "./fuzz.ts";
import { imagesQuestions } from "./images-questions.ts";

const azure = useLoopbackAzure();
let server: HostileServer;
beforeAll(async () => {
  server = await startHostileServer(azure.certificate);
});
afterAll(() => server.close());

describe("over TLS, an answer that is not what it should be is an error, or means what it says, of", () => {
  it("the container registry", () => askAll("container registry", cases(100_000, 500), imagesQuestions(server)));
  // Every one of these opens a client of its own.
  it("Resource Manager about AKS", () => askAll("Resource Manager, AKS", cases(2_000, 100), [aksQuestion(server)]));
});
