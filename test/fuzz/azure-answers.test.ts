import { describe, it } from "vitest";
import { askAll } from "./answer-checks.ts";
import { cases } from "./fuzz.ts";
import { TABLE } from "./table-questions.ts";
import { TASKS } from "./tasks-questions.ts";

const EACH = cases(100_000, 500);

describe("an answer that is not what it should be is an error, or means what it says, of", () => {
  it("Resource Manager and ACR Tasks", () => askAll("Resource Manager, ACR Tasks", EACH, TASKS));
  it("the table", () => askAll("table", EACH, TABLE));
});
