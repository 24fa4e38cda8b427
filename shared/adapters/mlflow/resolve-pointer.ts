import { PermanentError } from "../../domain/errors.ts";
import type { ModelVersion } from "../../domain/model.ts";
import type { Pointer } from "../../domain/promotion.ts";
import type { MlflowHttp } from "./mlflow-http.ts";
import { toModelVersion } from "./model-version.ts";
import { modelVersionAnswer, versionsAnswer } from "./schemas.ts";

/** Versions looked through for a tag: the newest so many. */
const TAG_PAGE = 200;

/** The version that a pointer names now; undefined where it names none. */
export async function resolvePointer(
  http: MlflowHttp,
  name: string,
  pointer: Pointer,
  signal: AbortSignal,
): Promise<ModelVersion | undefined> {
  switch (pointer.kind) {
    case "alias":
      return byAlias(http, name, pointer.alias, signal);
    case "newest":
      // A reserved alias that MLflow resolves to the newest version.
      return byAlias(http, name, "latest", signal);
    case "tag":
      return byTag(http, name, pointer, signal);
    case "stage":
      return byStage(http, name, pointer.stage, signal);
    default:
      return pointer satisfies never;
  }
}

async function byAlias(
  http: MlflowHttp,
  name: string,
  alias: string,
  signal: AbortSignal,
): Promise<ModelVersion | undefined> {
  const answer = await http.get("/api/2.0/mlflow/registered-models/alias", { name, alias }, modelVersionAnswer, signal);
  return answer === undefined ? undefined : toModelVersion({ name }, answer.model_version);
}

async function byTag(
  http: MlflowHttp,
  name: string,
  tag: { key: string; value: string },
  signal: AbortSignal,
): Promise<ModelVersion | undefined> {
  const query = { filter: `name=${quoted(name)}`, order_by: "version_number DESC", max_results: String(TAG_PAGE) };
  const answer = await http.get("/api/2.0/mlflow/model-versions/search", query, versionsAnswer, signal);
  const found = answer?.model_versions?.find(({ tags }) =>
    tags.some(({ key, value }) => key === tag.key && value === tag.value),
  );
  return found === undefined ? undefined : toModelVersion({ name }, found);
}

/** Stages are deprecated in MLflow, and this is the one question that asks for the version of one. */
async function byStage(
  http: MlflowHttp,
  name: string,
  stage: string,
  signal: AbortSignal,
): Promise<ModelVersion | undefined> {
  const path = "/api/2.0/mlflow/registered-models/get-latest-versions";
  const answer = await http.get(path, { name, stages: stage }, versionsAnswer, signal);
  const [found] = answer?.model_versions ?? [];
  if (found === undefined) return undefined;
  if (found.current_stage === stage) return toModelVersion({ name }, found);
  // Whatever did not heed the question could otherwise bring an archived version to production.
  throw new PermanentError("bad-answer", `MLflow's answer to ${path} holds a version of another stage than ${stage}.`);
}

/** MLflow's filters know no escapes: a name is put between quotes it does not hold. */
function quoted(name: string): string {
  const quote = ["'", '"'].find((one) => !name.includes(one));
  if (quote === undefined)
    throw new PermanentError(
      "configuration-wrong",
      "A model whose name holds both kinds of quotes cannot be followed by tag; use an alias.",
    );
  return `${quote}${name}${quote}`;
}
