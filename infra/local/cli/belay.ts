import { parseArgs } from "node:util";
import { runBench } from "../bench/run-bench.ts";
import { formatLine } from "../demo/event-line.ts";
import { aborted, DEMO_POLICY, inScene, printStack, runDemo, storyNames } from "../demo/run-demo.ts";
import { NAMESPACE, WORKLOAD } from "../demo/scene.ts";
import { runSoak } from "../soak/run-soak.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { checkPeers } from "./check-peers.ts";
import { INTERRUPTED, listenForInterruption } from "./interruption.ts";
import { promoteCommands } from "./promote-commands.ts";

const USAGE = `usage:
  npm start [-- --mlflow URL] [--kubeconfig FILE]         the embedded stack, until Ctrl-C
  npm run demo [-- STORY] [--mlflow URL] [--kubeconfig FILE]   the stories: ${storyNames().join(", ")}
  npm run bench [-- --short] [--verbose]                  what a deployment costs, counted and timed
  npm run soak [-- --short] [--seed N] [--promotions N] [--kills N] [--log FILE]
                                                          promotions while the app is killed and everything else fails`;

const print = (line: string): void => console.log(line);

interface Peers {
  mlflowUrl?: string;
  kubeconfigFile?: string;
}

/** `npm start`, `npm run demo`, `npm run bench` and `npm run soak`; ends with exit code 1 and one message when something refuses. */
export async function main(parameters: readonly string[]): Promise<void> {
  let interruption: AbortSignal | undefined;
  try {
    process.exitCode = await run(parameters, () => {
      // From here on: whatever has been started by then is stopped again.
      interruption = listenForInterruption(process, Date.now, (ms, call) => setInterval(call, ms).unref());
      return interruption;
    });
  } catch (error) {
    // A story that was broken off may still wait for its ending.
    if (interruption?.aborted === true) process.exit(INTERRUPTED);
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

/** Reads the parameters, then begins; the exit code. `begin` gives the signal of an interruption. */
async function run([command, ...rest]: readonly string[], begin: () => AbortSignal): Promise<number> {
  if (command === "bench") {
    const options = readBenchParameters(rest);
    return (await runBench({ ...options, print, signal: begin() })) ? 0 : 1;
  }
  if (command === "soak") {
    const options = readSoakParameters(rest);
    return (await runSoak({ ...options, print, signal: begin() })) ? 0 : 1;
  }
  const { story, peers } = readParameters(command, rest);
  await checkPeers(peers);
  if (command === "demo") return demo(story, peers, begin());
  await start(peers, begin());
  return 0;
}

function parse(parameters: readonly string[]) {
  try {
    const options = { mlflow: { type: "string" }, kubeconfig: { type: "string" } } as const;
    return parseArgs({ args: [...parameters], allowPositionals: true, options });
  } catch (error) {
    throw refusal(error);
  }
}

function readParameters(command: string | undefined, parameters: readonly string[]) {
  const { values, positionals } = parse(parameters);
  const [story, ...rest] = positionals;
  if ((command !== "start" && command !== "demo") || rest.length > 0) throw new Error(USAGE);
  if (story !== undefined && (command === "start" || !storyNames().includes(story)))
    throw new Error(`There is no story "${story}".\n${USAGE}`);
  const peers: Peers = {
    ...(values.mlflow === undefined ? {} : { mlflowUrl: values.mlflow.replace(/\/$/, "") }),
    ...(values.kubeconfig === undefined ? {} : { kubeconfigFile: values.kubeconfig }),
  };
  return { story, peers };
}

function readBenchParameters(parameters: readonly string[]) {
  try {
    const flag = { type: "boolean", default: false } as const;
    return parseArgs({ args: [...parameters], options: { short: flag, verbose: flag } }).values;
  } catch (error) {
    throw refusal(error);
  }
}

function readSoakParameters(parameters: readonly string[]) {
  const text = { type: "string" } as const;
  const options = {
    short: { type: "boolean", default: false },
    ...{ seed: text, promotions: text, kills: text, log: text },
  } as const;
  try {
    const { short, seed, promotions, kills, log } = parseArgs({ args: [...parameters], options }).values;
    return {
      short,
      seed: readNumber("--seed", seed) ?? Math.floor(Math.random() * 1_000_000),
      ...given("promotions", readNumber("--promotions", promotions)),
      ...given("kills", readNumber("--kills", kills)),
      ...given("logFile", log),
    };
  } catch (error) {
    throw refusal(error);
  }
}

function given<K extends string, V>(name: K, value: V | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { [key in K]?: V };
}

function readNumber(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,6}$/.test(value)) throw new Error(`${name} is "${value}", not a number from 0 to 999999`);
  return Number(value);
}

/** What is wrong with the command line, and what it may be. */
function refusal(error: unknown): Error {
  return new Error(`${error instanceof Error ? error.message.split(".")[0] : error}.\n${USAGE}`);
}

/** Characters of a line. */
function readWidth(): number {
  return Math.max(100, process.stdout.columns ?? 140);
}

async function demo(story: string | undefined, peers: Peers, signal: AbortSignal): Promise<number> {
  const only = story === undefined ? {} : { only: story };
  const good = await runDemo({ ...peers, ...only, print, width: readWidth(), signal });
  return good ? 0 : 1;
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
