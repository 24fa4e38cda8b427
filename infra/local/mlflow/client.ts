import { openAsBlob } from "node:fs";
import { z } from "zod";

/** A run that models can be registered from. */
export interface ClientRun {
  runId: string;
  /** Where its artifacts are: `mlflow-artifacts:/<experiment>/<run>/artifacts`. */
  artifactUri: string;
}

/** The content of one artifact; a file is streamed. */
export type ArtifactContent = string | Uint8Array<ArrayBuffer> | { file: string };

export interface NewRun {
  metrics?: Readonly<Record<string, number>>;
  params?: Readonly<Record<string, string>>;
  tags?: Readonly<Record<string, string>>;
  /** `0`, the default experiment, when left out. */
  experimentId?: string;
}

/** The calls demos and tests make of an MLflow server; each throws `MlflowClientError` when refused. */
export interface MlflowClient {
  health(): Promise<void>;
  createRegisteredModel(name: string, tags?: Readonly<Record<string, string>>): Promise<void>;
  /** A finished run. */
  createRun(run?: NewRun): Promise<ClientRun>;
  /** Uploads the files, each under its path below `artifactPath`. */
  logArtifacts(run: ClientRun, artifactPath: string, files: Readonly<Record<string, ArtifactContent>>): Promise<void>;
  /** Registers what the run holds under `artifactPath`; returns the version. */
  createModelVersion(name: string, run: ClientRun, artifactPath: string): Promise<string>;
  setAlias(name: string, alias: string, version: string): Promise<void>;
  deleteAlias(name: string, alias: string): Promise<void>;
  setVersionTag(name: string, version: string, key: string, value: string): Promise<void>;
  /** Moves a version to a stage, `Production` or another, and leaves there what is there. */
  transitionStage(name: string, version: string, stage: string): Promise<void>;
  /** Its aliases go with it, and its number is not given again. */
  deleteModelVersion(name: string, version: string): Promise<void>;
  deleteRegisteredModel(name: string): Promise<void>;
  /** Events as deliveries name them: `model_version_alias.created`. Returns the webhook's id. */
  createWebhook(webhook: { name: string; url: string; events: readonly string[]; secret?: string }): Promise<string>;
  deleteWebhook(id: string): Promise<void>;
}

export interface MlflowClientOptions {
  /** The tracking URI, without a slash at the end. */
  url: string;
  /** For each call; 30,000 when left out. */
  timeoutMilliseconds?: number;
  /** For the times of runs. */
  now?: () => number;
}

/** MLflow did not do what was asked. */
export class MlflowClientError extends Error {
  readonly status: number;

  constructor(call: string, status: number, body: string) {
    super(`MLflow answered ${status} to ${call}: ${body.slice(0, 500)}`);
    this.name = "MlflowClientError";
    this.status = status;
  }
}

const runAnswer = z.object({ run: z.object({ info: z.object({ run_id: z.string(), artifact_uri: z.string() }) }) });
const versionAnswer = z.object({ model_version: z.object({ version: z.string() }) });
const webhookAnswer = z.object({ webhook: z.object({ webhook_id: z.string() }) });

/** Longest answer read, in bytes. */
const MAX_ANSWER = 1024 * 1024;

export function createMlflowClient(options: MlflowClientOptions): MlflowClient {
  const { url, timeoutMilliseconds = 30_000, now = Date.now } = options;

  async function request(
    method: string,
    path: string,
    body?: NonNullable<RequestInit["body"]>,
    contentType?: string,
  ): Promise<string> {
    const response = await fetch(url + path, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMilliseconds),
      ...(body === undefined ? {} : { body }),
      ...(contentType === undefined ? {} : { headers: { "content-type": contentType } }),
    });
    const text = await readAnswer(response);
    if (!response.ok) throw new MlflowClientError(`${method} ${path}`, response.status, text);
    return text;
  }

  async function call<T>(schema: z.ZodType<T>, method: string, path: string, body: unknown): Promise<T> {
    const text = await request(method, `/api/2.0/mlflow/${path}`, JSON.stringify(body), "application/json");
    return schema.parse(JSON.parse(text));
  }

  const done = z.object({});

  return {
    async health() {
      await request("GET", "/health");
    },
    async createRegisteredModel(name, tags = {}) {
      await call(z.object({}), "POST", "registered-models/create", { name, tags: toPairs(tags) });
    },
    async createRun({ metrics = {}, params = {}, tags = {}, experimentId = "0" } = {}) {
      const created = { experiment_id: experimentId, start_time: now(), tags: toPairs(tags) };
      const { info } = (await call(runAnswer, "POST", "runs/create", created)).run;
      const timestamp = now();
      const logged = Object.entries(metrics).map(([key, value]) => ({
        key,
        value: toNumber(value),
        timestamp,
        step: 0,
      }));
      await call(done, "POST", "runs/log-batch", { run_id: info.run_id, metrics: logged, params: toPairs(params) });
      await call(done, "POST", "runs/update", { run_id: info.run_id, status: "FINISHED", end_time: now() });
      return { runId: info.run_id, artifactUri: info.artifact_uri };
    },
    async logArtifacts(run, artifactPath, files) {
      const root = run.artifactUri.replace(/^mlflow-artifacts:\/+/, "");
      for (const [name, content] of Object.entries(files)) {
        const path = `${root}/${artifactPath}/${name}`.split("/").map(encodeURIComponent).join("/");
        const body = typeof content === "object" && "file" in content ? await openAsBlob(content.file) : content;
        await request("PUT", `/api/2.0/mlflow-artifacts/artifacts/${path}`, body, "application/octet-stream");
      }
    },
    async createModelVersion(name, run, artifactPath) {
      const body = { name, source: `${run.artifactUri}/${artifactPath}`, run_id: run.runId };
      return (await call(versionAnswer, "POST", "model-versions/create", body)).model_version.version;
    },
    async setAlias(name, alias, version) {
      await call(done, "POST", "registered-models/alias", { name, alias, version });
    },
    async deleteAlias(name, alias) {
      await call(done, "DELETE", "registered-models/alias", { name, alias });
    },
    async setVersionTag(name, version, key, value) {
      await call(done, "POST", "model-versions/set-tag", { name, version, key, value });
    },
    async transitionStage(name, version, stage) {
      await call(done, "POST", "model-versions/transition-stage", { name, version, stage });
    },
    async deleteModelVersion(name, version) {
      await call(done, "DELETE", "model-versions/delete", { name, version });
    },
    async deleteRegisteredModel(name) {
      await call(done, "DELETE", "registered-models/delete", { name });
    },
    async createWebhook({ events, ...webhook }) {
      const body = { ...webhook, events: events.map(toEvent) };
      return (await call(webhookAnswer, "POST", "webhooks", body)).webhook.webhook_id;
    },
    async deleteWebhook(id) {
      await call(done, "DELETE", `webhooks/${encodeURIComponent(id)}`, {});
    },
  };
}

function toPairs(record: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

/** JSON has no NaN and no infinities; MLflow takes their names. */
function toNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function toEvent(name: string): { entity: string; action: string } {
  const [entity = "", action = ""] = name.toUpperCase().split(".");
  return { entity, action };
}

async function readAnswer(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`MLflow's answer is longer than ${MAX_ANSWER} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
