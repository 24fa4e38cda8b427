import { ALIAS, MODEL } from "../demo/models.ts";

/** Shell lines that register a good version and move the alias to it, with curl alone. */
export function promoteCommands(mlflowUrl: string): readonly string[] {
  const api = `${mlflowUrl}/api/2.0/mlflow`;
  const json = "-H 'Content-Type: application/json'";
  const pick = (name: string) => `sed -n 's/.*"${name}": *"\\([^"]*\\)".*/\\1/p' | head -n 1`;
  return [
    `RUN=$(curl -s ${json} -d '{"experiment_id":"0"}' ${api}/runs/create | ${pick("run_id")})`,
    `for M in accuracy:0.93 f1:0.9; do curl -s ${json} -d "{\\"run_id\\":\\"$RUN\\",\\"key\\":\\"\${M%%:*}\\",\\"value\\":\${M##*:},\\"timestamp\\":1}" ${api}/runs/log-metric >/dev/null; done`,
    `curl -s -X PUT --data-binary '{"kind":"linear","weights":[-0.005,0.19],"bias":0.05}' ${mlflowUrl}/api/2.0/mlflow-artifacts/artifacts/0/$RUN/artifacts/model/model.json >/dev/null`,
    `V=$(curl -s ${json} -d "{\\"name\\":\\"${MODEL}\\",\\"source\\":\\"mlflow-artifacts:/0/$RUN/artifacts/model\\",\\"run_id\\":\\"$RUN\\"}" ${api}/model-versions/create | ${pick("version")})`,
    `curl -s ${json} -d "{\\"name\\":\\"${MODEL}\\",\\"alias\\":\\"${ALIAS}\\",\\"version\\":\\"$V\\"}" ${api}/registered-models/alias; echo "version $V is the ${ALIAS}"`,
  ];
}
