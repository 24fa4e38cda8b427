import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildServingImage, type ServingImage } from "./image.ts";
import { answered, type Load, load, percentile } from "./load.ts";
import { logModels, type Models } from "./models.ts";
import { endAll, freePort, type ServingProcess, startProcess, startServer } from "./server.ts";

const SECONDS = 2;
const CLIENTS = 8;

let models: Models;
let image: ServingImage;

beforeAll(async () => {
  models = await logModels();
  image = await buildServingImage(models.folderOf("forest"), models.bin);
}, 900_000);
afterEach(endAll);
afterAll(() => image?.remove());

/** MLflow's own scoring server, in MLflow's own environment. */
async function startScoringServer(): Promise<ServingProcess> {
  const port = await freePort();
  const command = [join(models.bin, "mlflow"), "models", "serve", "--model-uri", models.folderOf("forest")];
  const options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", String(port), "--workers", "1"];
  return startProcess([...command, ...options], dirname(models.folderOf("forest")), port, "/ping", {
    PATH: `${models.bin}:/usr/bin:/bin`,
    HOME: "/tmp",
    MLFLOW_DISABLE_TELEMETRY: "true",
  });
}

async function predictions(url: string, body: string): Promise<unknown> {
  const answer = await fetch(`${url}/invocations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: AbortSignal.timeout(60_000),
  });
  expect(answer.status).toBe(200);
  return answer.json();
}

/** One second to get warm, then what counts. */
async function measure({ url }: ServingProcess, body: string): Promise<Load> {
  const forSeconds = (seconds: number) => {
    const end = performance.now() + seconds * 1_000;
    return load(`${url}/invocations`, body, { clients: CLIENTS, goesOn: () => performance.now() < end });
  };
  await forSeconds(1);
  return forSeconds(SECONDS);
}

const perSecond = (one: Load) => answered(one) / one.seconds;

function describeLoad(name: string, one: Load): string {
  const [p50, p95] = [0.5, 0.95].map((part) => percentile(one.latencies, part).toFixed(1));
  return `${name} ${perSecond(one).toFixed(0)} requests/s (p50 ${p50} ms, p95 ${p95} ms)`;
}

test("it answers as MLflow's own scoring server does, in the same forms; how many a second is printed", async () => {
  const servers = [await startServer(image), await startScoringServer()] as const;
  for (const server of servers) await server.ready();
  const [own, scoring] = servers;
  const { columns, data } = models.forest.dataframe_split;
  const example = await readFile(join(models.folderOf("forest"), "serving_input_example.json"), "utf8");
  const rows = (count: number) => JSON.stringify({ dataframe_split: { columns, data: data.slice(0, count) } });
  const records = data.slice(0, 5).map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])));
  const bodies = [
    example,
    rows(1_000),
    JSON.stringify({ dataframe_records: records }),
    JSON.stringify({ inputs: records }),
  ];
  for (const body of bodies) expect(await predictions(own.url, body)).toEqual(await predictions(scoring.url, body));
  for (const count of [1, 1_000]) {
    const ours = await measure(own, rows(count));
    const theirs = await measure(scoring, rows(count));
    for (const one of [ours, theirs]) {
      expect([...one.answers.keys()]).toEqual([200]);
      expect(one.lost).toEqual([]);
    }
    const ratio = (perSecond(ours) / perSecond(theirs)).toFixed(2);
    process.stdout.write(
      `${count} row(s), ${CLIENTS} clients, one process: ${describeLoad("this server", ours)}, ${describeLoad("MLflow's", theirs)}: ${ratio} times\n`,
    );
  }
});
