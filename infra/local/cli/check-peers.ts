import { readFile } from "node:fs/promises";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { createMlflowClient } from "../mlflow/client.ts";

const LIMIT_MS = 5_000;

/** Asks what `--mlflow` and `--kubeconfig` point to; throws one message with every problem before anything is started. */
export async function checkPeers(peers: { mlflowUrl?: string; kubeconfigFile?: string }): Promise<void> {
  const problems = await Promise.all([checkMlflow(peers.mlflowUrl), checkCluster(peers.kubeconfigFile)]);
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new Error(found.join("\n"));
}

async function checkMlflow(url: string | undefined): Promise<string | undefined> {
  if (url === undefined) return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    return `--mlflow: "${url}" is not an address; write http://127.0.0.1:5000, say.`;
  try {
    await createMlflowClient({ url, timeoutMilliseconds: LIMIT_MS }).health();
    return undefined;
  } catch (error) {
    return `--mlflow: no MLflow answers at ${url}/health (${reasonOf(error)}); start it, or leave the option out for the stand-in.`;
  }
}

async function checkCluster(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const config = new KubeConfig();
    config.loadFromString(await readFile(file, "utf8"));
    const nodes = await within(config.makeApiClient(CoreV1Api).listNode());
    const names = nodes.items.map(({ metadata }) => metadata?.name);
    return names.length === 0
      ? undefined
      : `--kubeconfig: the cluster has nodes of its own (${names.join(", ")}); Belay's kubelet joins only a control plane without nodes.`;
  } catch (error) {
    return `--kubeconfig: the cluster that ${file} names cannot be used (${reasonOf(error)}).`;
  }
}

async function within<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) return "code" in cause ? String(cause.code) : cause.message;
  return error.message.split("\n")[0] ?? error.name;
}
