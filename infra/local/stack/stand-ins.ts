import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificate, writeCertificate } from "../certificate/create-certificate.ts";
import { createContainerRegistry } from "../container-registry/container-registry.ts";
import { createIdentityEndpoint } from "../identity/create-identity-endpoint.ts";
import { createKubelet } from "../kubelet/kubelet.ts";
import { createControlPlane } from "../kubernetes/control-plane.ts";
import { createMlflowServer, type MlflowServer } from "../mlflow/server.ts";
import { createResourceManager } from "../resource-manager/create-resource-manager.ts";
import type { Run } from "../resource-manager/runs.ts";
import { createServiceBusBroker, type ServiceBusBroker } from "../service-bus/broker.ts";
import { createTableServer } from "../tables/create-table-server.ts";
import { createBuild } from "./build.ts";
import { type Counters, createTableCounter } from "./counters.ts";
import { setUpNamespace } from "./set-up-namespace.ts";

export interface StandInsOptions {
  /** The file with the queues' properties. */
  queuesFile: string;
  /** The namespace that an administrator would have made. */
  namespace: string;
  /** A real MLflow server instead of the stand-in. */
  mlflowUrl?: string;
  /** A real control plane without nodes instead of the stand-in. */
  kubeconfigFile?: string;
  /** Told what went wrong inside a stand-in and what it did about it. */
  log?: (line: string) => void;
}

/** Everything around the app, in this process and on loopback. */
export interface StandIns {
  /** What listens where, by name. */
  readonly addresses: Readonly<Record<string, string>>;
  /** The settings that lead the app here. */
  readonly environment: Readonly<Record<string, string>>;
  readonly kubeconfigFile: string;
  /** PEM of the authority that every certificate of the stack comes from. */
  readonly caPem: string;
  /** What the stand-ins' own servers show, for whoever stands in front of one of them. */
  readonly tls: { readonly key: string; readonly cert: string };
  readonly bus: ServiceBusBroker;
  /** Undefined with a real MLflow. */
  readonly mlflow: MlflowServer | undefined;
  /** Exact counters of what was asked of each stand-in so far. */
  counters(): Counters;
  /** Every build so far, newest first. */
  builds(): readonly Run[];
  /** Stops everything, in reverse order, and removes what was written. */
  close(): Promise<void>;
}

const SUBSCRIPTION = "00000000-0000-0000-0000-00000000be1a";
const RESOURCE_GROUP = "belay-local";
const REGISTRY_NAME = "belaylocal";
/** The client id under which the app asks for tokens. */
const CLIENT_ID = "11111111-1111-1111-1111-11111111be1a";
const ARM_RESOURCE = "https://management.azure.com";

/** Starts every stand-in; when one cannot start, those that did are stopped again. */
export async function startStandIns(options: StandInsOptions): Promise<StandIns> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const stop of closers.splice(0).reverse()) await stop();
  };
  try {
    return await start(options, (stop) => closers.push(stop), close);
  } catch (error) {
    await close();
    throw error;
  }
}

type OnClose = (stop: () => Promise<unknown>) => void;

async function start(options: StandInsOptions, onClose: OnClose, close: () => Promise<void>): Promise<StandIns> {
  const { log = () => undefined } = options;
  const directory = await mkdtemp(join(tmpdir(), "belay-"));
  onClose(() => rm(directory, { recursive: true, force: true }));
  const certificate = await createCertificate();
  const certificateFile = await writeCertificate(directory, certificate);
  const tls = { key: certificate.key, cert: certificate.cert };

  const tables = createTableServer();
  const bus = createServiceBusBroker({
    queues: JSON.parse(await readFile(options.queuesFile, "utf8")),
    sharedAccessKey: "local",
    log,
  });
  const identity = createIdentityEndpoint({ log });
  const images = createContainerRegistry({ tls, acceptAadToken: (token) => identity.isIssued(token) });
  for (const peer of [tables, bus, identity, images]) {
    await peer.listen();
    onClose(() => peer.close());
  }
  const tableCounter = createTableCounter(tables.connectionString);
  await tableCounter.listen();
  onClose(() => tableCounter.close());

  const arm = createResourceManager({
    tls,
    loginServer: images.loginServer,
    acceptToken: (token) => identity.isIssued(token, ARM_RESOURCE),
    build: createBuild({ url: images.url, loginServer: images.loginServer, ca: certificate.caPem }),
    log,
  });
  await arm.listen();
  onClose(() => arm.close());

  const cluster = await openCluster(options, certificate.caPem, tls, directory, onClose, log);
  await setUpNamespace(cluster.kubeconfig, options.namespace);
  const kubelet = createKubelet({
    kubeconfig: cluster.kubeconfig,
    ca: certificate.caPem,
    registryScheme: "https",
    podNetwork: options.kubeconfigFile === undefined ? "127.77.0.0/16" : "10.244.0.0/16",
    initialBackOffSeconds: 1,
    log,
  });
  await kubelet.start();
  onClose(() => kubelet.stop());

  const mlflow = options.mlflowUrl === undefined ? createMlflowServer() : undefined;
  await mlflow?.listen();
  if (mlflow !== undefined) onClose(() => mlflow.close());
  const mlflowUrl = options.mlflowUrl ?? mlflow?.url ?? "";

  return {
    addresses: {
      "Table Storage (Azurite)": tableCounter.address,
      "Service Bus": /Endpoint=([^;]+)/.exec(bus.connectionString)?.[1] ?? "",
      "Managed identity": identity.environment().IDENTITY_ENDPOINT,
      "Container registry": images.url,
      "ARM with ACR Tasks": arm.endpoint,
      Kubernetes: cluster.server,
      [options.mlflowUrl === undefined ? "MLflow (stand-in)" : "MLflow (real)"]: mlflowUrl,
    },
    environment: {
      FUNCTIONS_WORKER_RUNTIME: "node",
      ServiceBusConnection: bus.connectionString,
      TablesConnection: tableCounter.connectionString,
      AZURE_CLIENT_ID: CLIENT_ID,
      AZURE_SUBSCRIPTION_ID: SUBSCRIPTION,
      AZURE_RESOURCE_GROUP: RESOURCE_GROUP,
      AZURE_CONTAINER_REGISTRY_NAME: REGISTRY_NAME,
      AZURE_CONTAINER_REGISTRY_ENDPOINT: images.loginServer,
      AZURE_RESOURCE_MANAGER_ENDPOINT: arm.endpoint,
      ...identity.environment(),
      KUBECONFIG: cluster.appFile,
      MLFLOW_TRACKING_URI: mlflowUrl,
      NODE_EXTRA_CA_CERTS: certificateFile,
    },
    kubeconfigFile: cluster.file,
    caPem: certificate.caPem,
    tls,
    bus,
    mlflow,
    counters: () => ({
      serviceBus: bus.operations(),
      tables: tableCounter.requests(),
      arm: arm.requests(),
      kubernetes: cluster.requests(),
      kubernetesOfApp: cluster.requestsOfApp(),
      registry: images.requests(),
    }),
    builds: () => arm.runs(),
    close,
  };
}

/** The stand-in, or the real control plane that the kubeconfig names. */
async function openCluster(
  { kubeconfigFile }: StandInsOptions,
  caPem: string,
  tls: { key: string; cert: string },
  directory: string,
  onClose: OnClose,
  log: (line: string) => void,
) {
  if (kubeconfigFile !== undefined) {
    const kubeconfig = await readFile(kubeconfigFile, "utf8");
    const server = `as ${kubeconfigFile} says`;
    const requests = () => ({});
    return { file: kubeconfigFile, appFile: kubeconfigFile, kubeconfig, server, requests, requestsOfApp: requests };
  }
  // The app has a token of its own, so that what it asks is counted apart.
  const [token, appToken] = [crypto.randomUUID(), crypto.randomUUID()];
  const controlPlane = createControlPlane({
    tls,
    tokens: [token, appToken],
    log: (event, fields) => log(`${event} ${JSON.stringify(fields)}`),
  });
  await controlPlane.listen();
  onClose(() => controlPlane.close());
  const kubeconfig = controlPlane.kubeconfig({ caPem });
  const file = join(directory, "kubeconfig");
  const appFile = join(directory, "kubeconfig-app");
  await writeFile(file, kubeconfig, { mode: 0o600 });
  await writeFile(appFile, controlPlane.kubeconfig({ caPem, token: appToken }), { mode: 0o600 });
  return {
    file,
    appFile,
    kubeconfig,
    server: controlPlane.url,
    requests: () => controlPlane.requests(),
    requestsOfApp: () => controlPlane.requests(appToken),
  };
}
