import { once } from "node:events";
import { parseArgs } from "node:util";
import { DEMO_POLICY, printStack, runDemo, storyNames } from "../demo/run-demo.ts";
import { NAMESPACE, openScene, WORKLOAD } from "../demo/scene.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { checkPeers } from "./check-peers.ts";
import { promoteCommands } from "./promote-commands.ts";

const USAGE = `usage:
  npm start [-- --mlflow URL] [--kubeconfig FILE]         the embedded stack, until Ctrl-C
  npm run demo [-- STORY] [--mlflow URL] [--kubeconfig FILE]   the stories: ${storyNames().join(", ")}`;

const print = (line: string): void => console.log(line);

interface Peers {
  mlflowUrl?: string;
  kubeconfigFile?: string;
}

/** `npm start` and `npm run demo`; ends with exit code 1 and one message when something refuses. */
export async function main(parameters: readonly string[]): Promise<void> {
  try {
    const { command, story, peers } = readParameters(parameters);
    await checkPeers(peers);
    if (command === "demo") await demo(story, peers);
    else await start(peers);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

function readParameters(parameters: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...parameters],
    allowPositionals: true,
    options: { mlflow: { type: "string" }, kubeconfig: { type: "string" } },
  });
  const [command, story, ...rest] = positionals;
  if ((command !== "start" && command !== "demo") || rest.length > 0) throw new Error(USAGE);
  if (story !== undefined && (command === "start" || !storyNames().includes(story)))
    throw new Error(`There is no story "${story}".\n${USAGE}`);
  const peers: Peers = {
    ...(values.mlflow === undefined ? {} : { mlflowUrl: values.mlflow.replace(/\/$/, "") }),
    ...(values.kubeconfig === undefined ? {} : { kubeconfigFile: values.kubeconfig }),
  };
  return { command, story, peers };
}

async function demo(story: string | undefined, peers: Peers): Promise<void> {
  const width = Math.max(100, process.stdout.columns ?? 140);
  const good = await runDemo({ ...peers, ...(story === undefined ? {} : { only: story }), print, width });
  process.exitCode = good ? 0 : 1;
}

async function start(peers: Peers): Promise<void> {
  const startedAt = Date.now();
  const stack = await startStack({ ...peers, policyFile: DEMO_POLICY, namespace: NAMESPACE, onLine: print });
  try {
    printStack(stack, print, Date.now() - startedAt);
    await openScene({ ...stack, say: print });
    printHowTo(stack);
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
    print("stopping …");
  } finally {
    await stack.close();
  }
  print("stopped");
}

function printHowTo(stack: Stack): void {
  const key = stack.functionKey;
  print("To promote a first version, paste:");
  print("");
  for (const line of promoteCommands(stack.mlflowUrl)) print(`  ${line}`);
  print("");
  print(`Deployments:  curl -s '${stack.appUrl()}/api/deployments?code=${key}'`);
  print(`Health:       curl -s ${stack.appUrl()}/api/health`);
  print(`Cluster:      kubectl --kubeconfig ${stack.standIns.kubeconfigFile} -n ${NAMESPACE} get deploy,pods`);
  print(
    `A prediction: kubectl --kubeconfig ${stack.standIns.kubeconfigFile} get --raw /api/v1/namespaces/${NAMESPACE}/services/${WORKLOAD}:http/proxy/metrics`,
  );
  print("Ctrl-C stops everything.");
  print("");
}
