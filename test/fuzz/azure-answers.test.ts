import { afterAll, beforeAll, describe, it } from "vitest";
import { type HostileServer, startHostileServer } from "../support/hostile-server.ts";
import { useLoopbackAzure } from "../support/loopback-azure.ts";
import { aksQuestion } from "./aks-questions.ts";
import { askAll } from "./answer-checks.ts";
import { cases } from "./fuzz.ts";
import { imagesQuestions } from "./images-questions.ts";
import { TABLE } from "./table-questions.ts";
import { TASKS } from "./tasks-questions.ts";

const EACH = cases(100_000, 500);

/** Every one of these opens a client of its own. */
const OVER_TLS = cases(2_000, 100);

const azure = useLoopbackAzure();
let server: HostileServer;
beforeAll(async () => {
  server = await startHostileServer(azure.certificate);
});
afterAll(() => server.close());

describe("an answer that is not what it should be is an error, or means what it says, of", () => {
  it("Resource Manager and ACR Tasks", () => askAll("Resource Manager, ACR Tasks", EACH, TASKS));
  it("Resource Manager about AKS", () => askAll("Resource Manager, AKS", OVER_TLS, [aksQuestion(server)]));
  it("the container registry", () => askAll("container registry", EACH, imagesQuestions(server)));
  it("the table", () => askAll("table", EACH, TABLE));
});
