import { readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import type { StandIns } from "../stack/stand-ins.ts";
import { createFaultProxy, type FaultProxy } from "./fault-proxy.ts";
import { createFaults, type FaultKind, type Faults } from "./faults.ts";
import { createRandom } from "./random.ts";

/** What the app asks of whom, and how many of a thousand requests go wrong. */
export const RATES = {
  tables: 20,
  MLflow: 60,
  ARM: 60,
  "container registry": 60,
  Kubernetes: 40,
} as const;
export type SystemName = keyof typeof RATES;

/** Stands between the app and everything it talks to over HTTP. */
export interface Front {
  /** The settings that lead the app through it. */
  readonly settings: Readonly<Record<string, string>>;
  /** From now on everything is passed on as it comes. */
  stop(): void;
  counts(): Readonly<Record<SystemName, Readonly<Record<FaultKind, number>>>>;
  close(): Promise<void>;
}

/** The settings' addresses, each behind a proxy that makes some requests go wrong. */
export async function openFront(standIns: StandIns, seed: number): Promise<Front> {
  const { environment, tls } = standIns;
  const opened: FaultProxy[] = [];
  const faults = new Map<SystemName, Faults>();
  const stand = async (name: SystemName, upstream: string, concerns: Concerns = () => true) => {
    const own = createFaults(RATES[name] / 1000, createRandom(seed, name));
    const proxy = createFaultProxy({ upstream, tls, next: (request) => (concerns(request) ? own.next() : undefined) });
    await proxy.listen();
    opened.push(proxy);
    faults.set(name, own);
    return proxy;
  };
  const need = (name: string): string => {
    const value = environment[name];
    if (value === undefined) throw new Error(`The stand-ins name no ${name}.`);
    return value;
  };
  const tables = await stand("tables", standIns.addresses["Table Storage (Azurite)"] ?? "");
  const mlflow = await stand("MLflow", need("MLFLOW_TRACKING_URI"));
  const arm = await stand("ARM", need("AZURE_RESOURCE_MANAGER_ENDPOINT"));
  // The kubelet pulls by the same name as the app: it has no part in this.
  const registry = await stand(
    "container registry",
    `https://${need("AZURE_CONTAINER_REGISTRY_ENDPOINT")}`,
    isFromAzureSdk,
  );
  const kubeconfig = await readFile(need("KUBECONFIG"), "utf8");
  const server = /server: (\S+)/.exec(kubeconfig)?.[1] ?? "";
  const kubernetes = await stand("Kubernetes", server);
  const kubeconfigFile = `${need("KUBECONFIG")}-front`;
  await writeFile(kubeconfigFile, kubeconfig.replace(server, kubernetes.origin), { mode: 0o600 });
  return {
    settings: {
      TablesConnection: need("TablesConnection").replace(
        /TableEndpoint=https?:\/\/[^/]+/,
        `TableEndpoint=${tables.origin}`,
      ),
      MLFLOW_TRACKING_URI: mlflow.origin,
      AZURE_RESOURCE_MANAGER_ENDPOINT: arm.origin,
      AZURE_CONTAINER_REGISTRY_ENDPOINT: registry.host,
      KUBECONFIG: kubeconfigFile,
    },
    stop() {
      for (const one of faults.values()) one.stop();
    },
    counts: () =>
      Object.fromEntries([...faults].map(([name, one]) => [name, one.counts()])) as ReturnType<Front["counts"]>,
    close: async () => {
      for (const proxy of opened) await proxy.close();
    },
  };
}

type Concerns = (request: IncomingMessage) => boolean;

function isFromAzureSdk({ headers }: IncomingMessage): boolean {
  return headers["user-agent"]?.includes("azsdk") === true;
}
