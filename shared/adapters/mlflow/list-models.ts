import { PermanentError } from "../../domain/errors.ts";
import type { ListedModel, ModelPage } from "../../ports/model-registry.ts";
import type { MlflowHttp } from "./mlflow-http.ts";
import { modelsAnswer, type WireRegisteredModel } from "./schemas.ts";

const PATH = "/api/2.0/mlflow/registered-models/search";

/** One page of the registered models, by name; MLflow itself leaves out its prompts. */
export async function listModels(
  http: MlflowHttp,
  models: number,
  after: string | undefined,
  signal: AbortSignal,
): Promise<ModelPage> {
  const page: Record<string, string> = after === undefined ? {} : { page_token: after };
  const query = { max_results: String(models), order_by: "name ASC", ...page };
  const answer = await http.get(PATH, query, modelsAnswer, signal);
  // A list of nothing would say that every pointer is gone.
  if (answer === undefined) throw new PermanentError("bad-answer", `MLflow says that ${PATH} is not there.`);
  const { registered_models: listed = [], next_page_token: next } = answer;
  if (next !== undefined && next === after)
    throw new PermanentError("bad-answer", `MLflow's answer to ${PATH} leads back to the page that was asked for.`);
  return { models: listed.map(toListedModel), ...(next === undefined ? {} : { next }) };
}

function toListedModel({ name, creation_timestamp, aliases, latest_versions }: WireRegisteredModel): ListedModel {
  return {
    name,
    createdAt: creation_timestamp,
    aliases: toRecord(aliases),
    latest: latest_versions.map(({ version, current_stage, creation_timestamp: createdAt }) => ({
      version,
      stage: current_stage,
      createdAt,
    })),
  };
}

/** Without a prototype: an alias may be called `constructor`, and one that is not set is not to be found in it. */
function toRecord(aliases: WireRegisteredModel["aliases"]): Readonly<Record<string, string>> {
  const byAlias: Record<string, string> = Object.create(null);
  for (const { alias, version } of aliases) byAlias[alias] = version;
  return byAlias;
}
