import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inThread } from "../builds/in-thread.ts";
import { applyPatches } from "../builds/patches.ts";
import { BEYOND } from "./beyond.ts";
import { DEFECTS } from "./defects.ts";
import { readFound } from "./found.ts";
import { PROMISES } from "./promises.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

describe("the zoo of defects", () => {
  it("holds many, each under its own name, each with a sentence that says what goes wrong", () => {
    expect(DEFECTS.length).toBeGreaterThanOrEqual(50);
    expect(new Set(DEFECTS.map(({ name }) => name)).size).toBe(DEFECTS.length);
    expect(new Set(DEFECTS.map(({ patches }) => JSON.stringify(patches))).size).toBe(DEFECTS.length);
    for (const { sentence } of DEFECTS) expect(sentence).toMatch(/^[A-Z].*\.$/);
  });

  it.each(DEFECTS)("changes the sources of today: $name", (defect) => {
    const files = new Set(defect.patches.map(({ file }) => file));
    expect(files.size).toBeGreaterThan(0);
    for (const file of files) {
      const source = readFileSync(join(ROOT, file), "utf8");
      expect(applyPatches(defect, file, source)).not.toBe(source);
    }
  });

  it("has a defect for every sentence that is marked, and for every classic", () => {
    const stand = new Set<string>(DEFECTS.map(({ stands }) => stands));
    const missing = [...PROMISES].filter(([name, { kind }]) => kind !== "invariant" && !stand.has(name));
    expect(missing).toEqual([]);
  });

  it("knows where each was seen, or why it cannot be", () => {
    const names = DEFECTS.map(({ name }) => name);
    const known = [...Object.keys(readFound()), ...Object.keys(BEYOND)];
    expect(known.toSorted()).toEqual(names.toSorted());
    expect(known.length - Object.keys(BEYOND).length).toBeGreaterThanOrEqual(50);
  });

  it("is seen where the sources as they are keep every promise", async () => {
    expect(await inThread(import.meta.dirname, "zoo-cases.ts", "playFoundPlaces")).toEqual([]);
  }, 120_000);

  it("is loaded whole", async () => {
    expect(await inThread(import.meta.dirname, "zoo-cases.ts", "loadAll")).toEqual([]);
  }, 60_000);
});
