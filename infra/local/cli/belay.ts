import { parseArgs } from "node:util";
import { runBench } from "../bench/run-bench.ts";
import { formatLine } from "../demo/event-line.ts";
import { aborted, DEMO_POLICY, inScene, printStack, runDemo, storyNames } from "../demo/run-demo.ts";
import { NAMESPACE, WORKLOAD } from "../demo/scene.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { checkPeers } from "./check-peers.ts";
import { promoteCommands } from "./promote-commands.ts";

const USAGE = `usage:
  npm start [-- --mlflow URL] [--kubeconfig FILE]         the embedded stack, until Ctrl-C
  npm run demo [-- STORY] [--mlflow URL] [--kubeconfig FILE]   the stories: ${storyNames().join(", ")}
  npm run bench [-- --short] [--verbose]                  what a deployment costs, counted and timed`;

const print = (line: string): void => console.log(line);

interface Peers {
  mlflowUrl?: string;
  kubeconfigFile?: string;
}

/** What a shell expects of a program that was interrupted. */
const INTERRUPTED = 130;

/** `npm start`, `npm run demo` and `npm run bench`; ends with exit code 1 and one message when something refuses. */
export async function main(parameters: readonly string[]): Promise<void> {
  const interruption = new AbortController();
  try {
    const stopWell = () => {
      // From here on: whatever has been started by then is stopped again.
      for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => interruption.abort());
    };
    if (parameters[0] === "bench") {
      const options = readBenchParameters(parameters.slice(1));
      stopWell();
      process.exitCode = (await runBench({ ...options, print, signal: interruption.signal })) ? 0 : 1;
      return;
    }
    const { command, story, peers } = readParameters(parameters);
    await checkPeers(peers);
    stopWell();
    if (command === "demo") await demo(story, peers, interruption.signal);
    else await start(peers, interruption.signal);
  } catch (error) {
    // A story that was broken off may still wait for its ending.
    if (interruption.signal.aborted) process.exit(INTERRUPTED);
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

function parse(parameters: readonly string[]) {
  try {
    const options = { mlflow: { type: "string" }, kubeconfig: { type: "string" } } as const;
    return parseArgs({ args: [...parameters], allowPositionals: true, options });
  } catch (error) {
    throw refusal(error);
  }
}

function readParameters(parameters: readonly string[]) {
  const { values, positionals } = parse(parameters);
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

function readBenchParameters(parameters: readonly string[]) {
  try {
    const flag = { type: "boolean", default: false } as const;
    return parseArgs({ args: [...parameters], options: { short: flag, verbose: flag } }).values;
  } catch (error) {
    throw refusal(error);
  }
}

/** What is wrong with the command line, and what it may be. */
function refusal(error: unknown): Error {
  return new Error(`${error instanceof Error ? error.message.split(".")[0] : error}.\n${USAGE}`);
}

/** Characters of a line. */
function readWidth(): number {
  return Math.max(100, process.stdout.columns ?? 140);
}

async function demo(story: string | undefined, peers: Peers, signal: AbortSignal): Promise<void> {
  const only = story === undefined ? {} : { only: story };
  const good = await runDemo({ ...peers, ...only, print, width: readWidth(), signal });
  process.exitCode = good ? 0 : 1;
}

async function start(peers: Peers, signal: AbortSignal): Promise<void> {
  const startedAt = Date.now();
  const follow = (line: string) => {
    const shown = formatLine(line, Date.now() - startedAt, readWidth());
    if (shown !== undefined) print(shown);
  };
  const stack = await startStack({ ...peers, policyFile: DEMO_POLICY, namespace: NAMESPACE, onLine: follow });
  try {
    printStack(stack, print, Date.now() - startedAt);
    await inScene(stack, print, async () => {
      printHowTo(stack);
      await keepRunning(stack, signal);
      print("stopping …");
    });
  } finally {
    await stack.close();
  }
  print("stopped");
}

/** Azure starts a worker that died again; so does this, until it is told to stop. */
async function keepRunning(stack: Stack, signal: AbortSignal): Promise<void> {
  const stop = aborted(signal).catch(() => undefined);
  while (!signal.aborted) {
    await Promise.race([stack.appEnded(), stop]);
    if (signal.aborted) return;
    print("Belay's process has ended; it is started again, as Azure would do.");
    await stack.startAppAgain();
  }
}

function printHowTo(stack: Stack): void {
  const key = stack.functionKey;
  print("To promote a first version, paste:");
  print("");
  for (const line of promoteCommands(stack.mlflowUrl)) print(`  ${line}`);
  print("");
  print(`Deployments:  curl -s '${stack.appUrl()}/api/deployments?code=${key}'`);
  print(`Webhook:      ${stack.appUrl()}/api/webhooks/mlflow`);
  print(`Health:       curl -s ${stack.appUrl()}/api/health`);
  print(`Cluster:      kubectl --kubeconfig ${stack.standIns.kubeconfigFile} -n ${NAMESPACE} get deploy,pods`);
  print(
    `A prediction: echo '{"instances":[[10,0],[0.1,5]]}' | kubectl --kubeconfig ${stack.standIns.kubeconfigFile} create --raw /api/v1/namespaces/${NAMESPACE}/services/${WORKLOAD}:http/proxy/predict -f -`,
  );
  print("Ctrl-C stops everything.");
  print("");
}
