import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { CALL_FAULTS, WORLD_FAULTS } from "../simulation/kernel/faults.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const MIN_ROWS = 80;

interface Row {
  section: string;
  what: string;
  proofs: readonly Proof[];
}
type Proof = { kind: "fault"; fault: string } | { kind: "test"; file: string; title: string };

const FAULTS = /^faults? (`[a-z-]+`(?:, `[a-z-]+`)*)$/;
/** A test's name may hold a semicolon. */
const NEXT = /; (?=`test\/|faults? `)/;
const TEST = /^`(test\/[a-z0-9/.-]+\.ts)` "(.+)"$/;

/** The rows below "What can fail"; throws where one is not what a row must be. */
function rowsOf(text: string): readonly Row[] {
  const [, after = ""] = text.split(/^## What can fail$/m);
  const [part = ""] = after.split(/^## /m);
  return part.split(/^### /m).flatMap((section) => {
    const [name = "", ...lines] = section.split("\n");
    const cells = lines
      .filter((line) => line.startsWith("|"))
      .slice(2)
      .map((line) => line.split("|").map((cell) => cell.trim()));
    return cells.map(([, what = "", does = "", shown = "", ...rest]) => {
      if (rest.length !== 1 || what === "" || does === "") throw new Error(`${name}: "${what}" has not three cells.`);
      return { section: name, what, proofs: proofsOf(shown, `${name}: ${what}`) };
    });
  });
}

function proofsOf(shown: string, row: string): readonly Proof[] {
  return shown.split(NEXT).flatMap((text): readonly Proof[] => {
    const [, faults] = FAULTS.exec(text) ?? [];
    if (faults !== undefined) return [...faults.matchAll(/[a-z-]+/g)].map(([fault]) => ({ kind: "fault", fault }));
    const [, file, title] = TEST.exec(text) ?? [];
    if (file !== undefined && title !== undefined) return [{ kind: "test", file, title }];
    throw new Error(`${row} names no proof: "${text}"`);
  });
}

const rows = rowsOf(readFileSync(join(ROOT, "docs/reliability.md"), "utf8"));
const proofs = rows.flatMap((row) => row.proofs.map((proof) => ({ ...proof, row: `${row.section}: ${row.what}` })));
const named = proofs.flatMap((proof) => (proof.kind === "fault" ? [proof.fault] : []));
const known: readonly string[] = [...CALL_FAULTS, ...WORLD_FAULTS];

/** Whether a text stands in a file as the whole of a literal, as a test's name does. */
function hasTitle(file: string, title: string): boolean {
  const source = readFileSync(join(ROOT, file), "utf8");
  return ['"', "'", "`"].some((quote) => source.includes(`${quote}${title}${quote}`));
}

describe("the failures that docs/reliability.md lists", () => {
  test(`are at least ${MIN_ROWS}, each once and each with a proof`, () => {
    const names = rows.map(({ section, what }) => `${section}: ${what}`);
    expect(names.length).toBeGreaterThanOrEqual(MIN_ROWS);
    expect(names).toEqual([...new Set(names)]);
    expect(rows.filter((row) => row.proofs.length === 0)).toEqual([]);
  });

  test("are shown by tests that are there, under these names", () => {
    const tests = proofs.filter((proof) => proof.kind === "test");
    expect(tests.length).toBeGreaterThan(0);
    expect(tests.filter(({ file }) => !existsSync(join(ROOT, file)))).toEqual([]);
    expect(tests.filter(({ file, title }) => !hasTitle(file, title))).toEqual([]);
  });

  test("name only faults that the simulator has, and all of them", () => {
    expect(named.filter((fault) => !known.includes(fault))).toEqual([]);
    expect(known.filter((fault) => !named.includes(fault))).toEqual([]);
  });

  test.each([
    ["no proof at all", "| a | b | |"],
    ["a proof that is only told", "| a | b | the soak |"],
    ["a test without a name", "| a | b | `test/pipeline/crash.test.ts` |"],
    ["a cell too few", "| a | fault `refused` |"],
  ])("with %s are refused", (_what, row) => {
    const head = "## What can fail\n\n### One\n\n| What | Does | Shown by |\n| --- | --- | --- |\n";
    expect(() => rowsOf(`${head}${row}\n`)).toThrow();
    expect(rowsOf(`${head}| a | b | fault \`refused\` |\n`)).toHaveLength(1);
  });
});
