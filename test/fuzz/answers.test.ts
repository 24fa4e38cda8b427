import { describe, it } from "vitest";
import { askAll } from "./answer-checks.ts";
import { cases } from "./fuzz.ts";
import { KUBERNETES } from "./kubernetes-questions.ts";
import { MLFLOW } from "./mlflow-questions.ts";
import { MODEL_SERVER } from "./model-server-questions.ts";
import { NOTIFIERS } from "./notifier-questions.ts";

const EACH = cases(100_000, 1_000);

describe("an answer that is not what it should be is an error, or means what it says, of", () => {
  it("the Kubernetes API", () => askAll("Kubernetes API", EACH, KUBERNETES));
  it("MLflow", () => askAll("MLflow", EACH, MLFLOW));
  it("the notifiers' endpoints", () => askAll("notifiers", EACH, NOTIFIERS));
  it("the model server", () => askAll("model server", EACH, MODEL_SERVER));
});
