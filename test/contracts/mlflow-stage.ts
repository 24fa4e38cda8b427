import type { MlflowClient } from "../../infra/local/mlflow/client.ts";
import type { ModelRegistry } from "../../shared/ports/model-registry.ts";
import type { ModelStage } from "./model-registry.ts";

const MLMODEL = "flavors:\n  python_function: {}\n";
/** An `MLmodel` file that names a serving example. */
export const WITH_EXAMPLE = `${MLMODEL}saved_input_example_info:\n  artifact_path: input_example.json\n  serving_input_path: serving_input_example.json\n  type: dataframe\n`;

/** An MLflow, and what data scientists do with it over its own API. */
export function createMlflowStage(client: MlflowClient, registry: ModelRegistry): ModelStage {
  return {
    registry,
    createModel: (name) => client.createRegisteredModel(name),
    createVersion: async (name, { metrics = {}, inputExample, artifacts } = {}) => {
      const run = await client.createRun({ metrics });
      const example = inputExample === undefined ? {} : { "serving_input_example.json": JSON.stringify(inputExample) };
      const mlmodel = { MLmodel: inputExample === undefined ? MLMODEL : WITH_EXAMPLE };
      await client.logArtifacts(run, "model", artifacts ?? { ...mlmodel, ...example });
      return client.createModelVersion(name, run, "model");
    },
    setAlias: client.setAlias,
    deleteAlias: client.deleteAlias,
    setTag: client.setVersionTag,
    setStage: client.transitionStage,
    deleteVersion: client.deleteModelVersion,
    deleteModel: client.deleteRegisteredModel,
  };
}
