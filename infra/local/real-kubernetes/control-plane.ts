import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Credentials, kubeconfig, writeCredentials } from "./credentials.ts";
import { apiServerFlags, controllerFlags, etcdFlags, schedulerFlags } from "./flags.ts";
import { freePorts } from "./free-ports.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

/** A real control plane on loopback, without nodes. */
export interface RealControlPlane {
  readonly url: string;
  /** Kubeconfig file of an administrator; it goes with the control plane. */
  readonly adminFile: string;
  /** Ends every process and removes every file. */
  stop(): Promise<void>;
}

const READY_MS = 120_000;

/** Starts etcd, the API server, the controllers and the scheduler; throws the end of a log when one does not come up. */
export async function startControlPlane(binary: string): Promise<RealControlPlane> {
  const directory = await mkdtemp(join(tmpdir(), "belay-kubernetes-"));
  const servers: ServerProcess[] = [];
  const stop = async () => {
    for (const server of servers.splice(0).reverse()) await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const credentials = await writeCredentials(directory);
    const ports = await freePorts(3);
    await mkdir(join(directory, "logs"));
    const start = async (name: string, flags: Parameters<typeof startServer>[2]) => {
      servers.push(await startServer(binary, name, flags, join(directory, "logs", `${name}.log`)));
    };
    return { ...(await startAll({ directory, credentials, ports, servers, start })), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Beginning {
  directory: string;
  credentials: Credentials;
  ports: readonly number[];
  servers: readonly ServerProcess[];
  start: (name: string, flags: Parameters<typeof startServer>[2]) => Promise<void>;
}

async function startAll(beginning: Beginning): Promise<Omit<RealControlPlane, "stop">> {
  const { directory, credentials, servers, start } = beginning;
  const [etcdPort = 0, peerPort = 0, apiPort = 0] = beginning.ports;
  const url = `https://127.0.0.1:${apiPort}`;
  const writeKubeconfig = async (user: keyof Credentials["tokens"]) => {
    const file = join(directory, `${user.replaceAll(":", "-")}.kubeconfig`);
    await writeFile(file, kubeconfig(url, credentials.certPem, credentials.tokens[user]), { mode: 0o600 });
    return file;
  };
  const adminFile = await writeKubeconfig("admin");

  await start("etcd", etcdFlags(credentials, directory, etcdPort, peerPort));
  await start("kube-apiserver", apiServerFlags(credentials, directory, etcdPort, apiPort));
  await untilReady(`${url}/readyz`, credentials, servers);
  const controllers = await writeKubeconfig("system:kube-controller-manager");
  await start("kube-controller-manager", controllerFlags(credentials, controllers));
  await start("kube-scheduler", schedulerFlags(await writeKubeconfig("system:kube-scheduler")));
  // The controllers are at work once they have made this.
  const account = `${url}/api/v1/namespaces/default/serviceaccounts/default`;
  await untilReady(account, credentials, servers);
  return { url, adminFile };
}

async function untilReady(url: string, credentials: Credentials, servers: readonly ServerProcess[]): Promise<void> {
  const end = Date.now() + READY_MS;
  while (!(await answersOk(url, credentials))) {
    for (const server of servers) await server.check();
    if (Date.now() > end) throw new Error(`The control plane was not ready within ${READY_MS / 1000} s: ${url}`);
    await delay(100);
  }
}

function answersOk(url: string, { certPem, tokens }: Credentials): Promise<boolean> {
  const headers = { authorization: `Bearer ${tokens.admin}` };
  const signal = AbortSignal.timeout(5_000);
  return new Promise((resolve) => {
    get(url, { ca: certPem, headers, signal, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).once("error", () => resolve(false));
  });
}
