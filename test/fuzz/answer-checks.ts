import { inspect } from "node:util";
import { expect } from "vitest";
import { ForeignChangeError, PermanentError, TransientError } from "../../shared/domain/errors.ts";
import { SECRET, type Spoiled } from "./answer-cases.ts";
import { eachCase, pace, Tally, tell } from "./fuzz.ts";
import type { Random } from "./random.ts";

/** What a call came to: a value, or one of the errors a port declares. */
export type Met<T> = { kind: "value"; value: T } | { kind: "error"; error: Error };

/** Longest message of an error: the rest of a row's or a notification's space is for others. */
const MAX_MESSAGE = 1_000;

/** Waits for a call; fails for any error but the declared ones, and for one that repeats a secret. */
export async function meet<T>(call: Promise<T>): Promise<Met<T>> {
  try {
    return { kind: "value", value: await call };
  } catch (error) {
    const declared = [TransientError, PermanentError, ForeignChangeError].some((one) => error instanceof one);
    if (!(error instanceof Error) || !declared) return expect.fail(`undeclared: ${inspect(error)}`);
    if (error.message.includes(SECRET)) expect.fail(`a secret: ${error.message}`);
    if (error.message.length > MAX_MESSAGE) expect.fail(`${error.message.length} characters: ${error.message}`);
    return { kind: "error", error };
  }
}

/** One question to a system: how its answer is spoiled, asked for, and looked at. */
export interface Question {
  name: string;
  /** Asks with a spoiled answer in place of a good one, and checks what comes of it; says it in a word. */
  ask(random: Random): Promise<{ spoiled: Spoiled; became: string }>;
}

/** Answers of one system after which every question must have been understood once. */
const ENOUGH = 20_000;

/** Asks so many questions with spoiled answers, and tells the figures. */
export async function askAll(system: string, count: number, questions: readonly Question[]): Promise<void> {
  const kinds = new Tally();
  const became = new Tally();
  const understood = new Set<Question>();
  const began = performance.now();
  await eachCase(count, async (random) => {
    const question = random.pick(questions);
    try {
      const found = await question.ask(random);
      kinds.add(found.spoiled.kind);
      became.add(found.became);
      if (!ERROR.test(found.became)) understood.add(question);
    } catch (error) {
      throw new Error(`${question.name}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  });
  // Where no answer at all is understood, it is the question that is wrong; few answers may all be spoiled.
  if (count >= ENOUGH)
    expect(questions.filter((question) => !understood.has(question)).map(({ name }) => name)).toEqual([]);
  tell(`answers: ${system}: ${pace(count, began)}; by kind: ${kinds}; became: ${became}`);
}

const ERROR = /^\w+Error\b/;

/** An error by its name and code. */
export function nameOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? `${error.name} ${error.code}` : error.name;
}

/** What was spoiled, for a failure to show. */
export function show(spoiled: Spoiled): string {
  if ("error" in spoiled) return `no answer: ${spoiled.error}`;
  const { status, headers, body } = spoiled.answer;
  return `${spoiled.kind}: ${status} ${JSON.stringify(headers)} ${body.toString("utf8", 0, 2_000)}`;
}
