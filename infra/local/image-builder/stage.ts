import { posix } from "node:path";
import type { ImageConfig, ProcessConfig } from "../container-registry/image-format.ts";
import { processConfigSchema } from "../container-registry/image-format.ts";
import { BuildError, type Instruction } from "./dockerfile.ts";
import { expandWord, parseJsonWords, splitWords } from "./words.ts";

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const NANOSECONDS: Readonly<Record<string, number>> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

/** The build's only stage: what its instructions have made of the configuration so far. */
export type Stage = {
  config: ProcessConfig;
  /** Values of the ARGs declared in the stage. */
  arguments: Map<string, string>;
  hasOwnCmd: boolean;
};

export type BuildArguments = {
  escapeCharacter: string;
  /** Given with the build. */
  given: Readonly<Record<string, string>>;
  /** ARGs before FROM and the platform; a stage sees them when it declares them. */
  global: Map<string, string>;
};

export function startStage(base: ImageConfig | undefined): Stage {
  const config = structuredClone(base?.config ?? processConfigSchema.parse({}));
  if (!config.Env.some((entry) => entry.startsWith("PATH="))) config.Env.push(DEFAULT_PATH);
  return { config, arguments: new Map(), hasOwnCmd: false };
}

/** Expands words as an instruction of this stage sees them: ENV before ARG; before FROM, global ARGs only. */
export function createExpand({ escapeCharacter, global }: BuildArguments, stage: Stage | undefined) {
  const env = new Map(stage?.config.Env.map((entry) => splitPair(entry)));
  const lookup = (name: string) => (stage ? (env.get(name) ?? stage.arguments.get(name)) : global.get(name));
  return (word: string) => expandWord(word, lookup, escapeCharacter);
}

export type Expand = ReturnType<typeof createExpand>;

export function splitPair(text: string): [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** Declares the ARGs of one instruction. */
export function declareArguments(
  { arguments: text }: Instruction,
  build: BuildArguments,
  stage: Stage | undefined,
): void {
  const expand = createExpand(build, stage);
  for (const word of splitWords(text, build.escapeCharacter)) {
    const [name, written] = splitPair(word);
    const byDefault = word.includes("=") ? expand(written) : stage && build.global.get(name);
    const value = build.given[name] ?? byDefault;
    if (value !== undefined) (stage ? stage.arguments : build.global).set(name, value);
  }
}

type ConfigStep = {
  text: string;
  flags: Instruction["flags"];
  stage: Stage;
  expand: Expand;
  words: string[];
};

function pairsOf({ text, words, expand }: ConfigStep): [string, string][] {
  if (words[0]?.includes("=")) {
    return words.map((word) => {
      if (!word.includes("="))
        throw new BuildError(`Syntax error - can't find = in "${word}". Must be of the form: name=value`);
      const [name, value] = splitPair(word);
      return [expand(name), expand(value)];
    });
  }
  const [, name = "", value] = /^(\S+)\s+([\s\S]+)$/.exec(text) ?? [];
  if (value === undefined) throw new BuildError("must have two arguments");
  return [[expand(name), expand(value)]];
}

function commandOf(text: string): string[] {
  return parseJsonWords(text) ?? ["/bin/sh", "-c", text];
}

function nanosecondsOf(flag: string | undefined): number | undefined {
  if (flag === undefined) return undefined;
  const parts = [...flag.matchAll(/([\d.]+)(h|ms|us|ns|m|s)/g)];
  if (parts.map(([whole]) => whole).join("") !== flag) throw new BuildError(`invalid duration "${flag}"`);
  return parts.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (NANOSECONDS[unit] ?? 0), 0);
}

function healthcheckOf({ text, flags }: ConfigStep): Record<string, unknown> {
  if (text.toUpperCase() === "NONE") return { Test: ["NONE"] };
  const command = /^CMD\s+([\s\S]+)$/i.exec(text)?.[1];
  if (command === undefined) throw new BuildError(`Unknown type "${text.split(/\s/)[0]}" in HEALTHCHECK (try CMD)`);
  const list = parseJsonWords(command);
  const retries = flags.get("retries");
  return {
    Test: list ? ["CMD", ...list] : ["CMD-SHELL", command],
    Interval: nanosecondsOf(flags.get("interval")),
    Timeout: nanosecondsOf(flags.get("timeout")),
    StartPeriod: nanosecondsOf(flags.get("start-period")),
    Retries: retries === undefined ? undefined : Number(retries),
  };
}

function portOf(word: string): string {
  const [, port, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(word) ?? [];
  if (port === undefined) throw new BuildError(`invalid containerPort: ${word}`);
  return `${port}/${protocol.toLowerCase()}`;
}

function setEnv(config: ProcessConfig, name: string, value: string): void {
  const at = config.Env.findIndex((entry) => splitPair(entry)[0] === name);
  if (at < 0) config.Env.push(`${name}=${value}`);
  else config.Env[at] = `${name}=${value}`;
}

/** The instructions that change the configuration and nothing else. */
export const configSteps: Readonly<Record<string, (step: ConfigStep) => void>> = {
  ENV: (step) => {
    for (const [name, value] of pairsOf(step)) setEnv(step.stage.config, name, value);
  },
  LABEL: (step) => Object.assign(step.stage.config.Labels, Object.fromEntries(pairsOf(step))),
  WORKDIR: ({ text, expand, stage }) => {
    stage.config.WorkingDir = posix.resolve("/", stage.config.WorkingDir, expand(text));
  },
  USER: ({ text, expand, stage }) => {
    stage.config.User = expand(text);
  },
  EXPOSE: ({ words, expand, stage }) => {
    for (const word of words.flatMap((written) => expand(written).split(/\s+/))) {
      stage.config.ExposedPorts[portOf(word)] = {};
    }
  },
  VOLUME: ({ text, words, expand, stage }) => {
    for (const word of parseJsonWords(text) ?? words) stage.config.Volumes[expand(word)] = {};
  },
  STOPSIGNAL: ({ text, expand, stage }) => {
    stage.config["StopSignal"] = expand(text);
  },
  HEALTHCHECK: (step) => {
    step.stage.config["Healthcheck"] = healthcheckOf(step);
  },
  CMD: ({ text, stage }) => {
    stage.config.Cmd = commandOf(text);
    stage.hasOwnCmd = true;
  },
  ENTRYPOINT: ({ text, stage }) => {
    stage.config.Entrypoint = commandOf(text);
    // The base's CMD was meant for the base's ENTRYPOINT.
    if (!stage.hasOwnCmd) stage.config.Cmd = [];
  },
};

/** Takes one such instruction; false if it is not one. */
export function applyConfigStep(instruction: Instruction, build: BuildArguments, stage: Stage): boolean {
  const step = configSteps[instruction.keyword];
  step?.({
    text: instruction.arguments,
    flags: instruction.flags,
    stage,
    expand: createExpand(build, stage),
    words: splitWords(instruction.arguments, build.escapeCharacter),
  });
  return step !== undefined;
}
