import type { Route } from "./http.ts";

/** What MLflow 3.17.2 serves under `/api/2.0/mlflow/` and the stand-in does not: method and path. */
const REGISTRY_AND_TRACKING = `
POST artifacts/presigned-download-url
POST artifacts/presigned-upload-url
POST experiments/delete
POST experiments/delete-experiment-tag
GET experiments/get
POST experiments/restore
GET experiments/search
POST experiments/search
POST experiments/set-experiment-tag
POST experiments/update
GET get-online-trace-details
DELETE logged-models/:id
GET logged-models/:id/artifacts/directories
POST logged-models/:id/params
PATCH logged-models/:id/tags
DELETE logged-models/:id/tags/:key
POST logged-models/search
GET metrics/get-history
GET metrics/get-history-bulk-interval
PATCH model-versions/update
DELETE registered-models/delete-tag
POST registered-models/rename
PATCH registered-models/update
POST runs/delete
POST runs/delete-tag
POST runs/log-inputs
POST runs/log-model
POST runs/outputs
POST runs/restore
POST runs/search
GET traces
POST traces
PATCH traces/:id
GET traces/:id/info
PATCH traces/:id/tags
DELETE traces/:id/tags
POST traces/delete-traces
POST traces/link-prompts
POST traces/link-to-run
GET unified-traces
`;

const ARTIFACTS = `
POST mpu/abort/*path
POST mpu/complete/*path
POST mpu/create/*path
GET presigned/*path
`;

/** Families under `/api/3.0/mlflow/` of which nothing is implemented. */
const FAMILIES = [
  "datasets",
  "gateway",
  "issues",
  "label-schemas",
  "prompt-optimization",
  "review-queues",
  "scorers",
  "traces",
  "workspaces",
];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** Routes that answer 501. */
export const unimplementedRoutes: readonly Route[] = [
  ...toRoutes("/api/2.0/mlflow/", REGISTRY_AND_TRACKING),
  ...toRoutes("/api/2.0/mlflow-artifacts/", ARTIFACTS),
  ...FAMILIES.flatMap((family) =>
    METHODS.flatMap((method) => [
      { method, path: `/api/3.0/mlflow/${family}` },
      { method, path: `/api/3.0/mlflow/${family}/*rest` },
    ]),
  ),
];

function toRoutes(base: string, list: string): Route[] {
  return list
    .trim()
    .split("\n")
    .map((line) => {
      const [method = "", path = ""] = line.split(" ");
      return { method, path: base + path };
    });
}
