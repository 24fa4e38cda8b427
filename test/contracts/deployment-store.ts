import { beforeEach, describe, expect, it } from "vitest";
import { firstStep } from "../../shared/domain/advance.ts";
import type { Running } from "../../shared/domain/deployment.ts";
import { newTarget } from "../../shared/domain/target.ts";
import type { Visit } from "../../shared/domain/visit.ts";
import type { DeploymentStore } from "../../shared/ports/deployment-store.ts";

function deployment(target: string, generation: number, sequence = 1): Running {
  return {
    schema: 1,
    target,
    generation,
    sequence,
    promotion: {
      id: "wish",
      model: "a'b\n😀",
      pointer: { kind: "alias", alias: "champion" },
      wishedAt: 1,
      origin: { kind: "webhook", deliveryId: "d", event: "e" },
    },
    model: { name: "a'b\n😀", version: "1", createdAt: 1, status: "READY" },
    policyId: "p",
    notify: ["log"],
    createdAt: 1_790_000_000_000 + generation,
    work: {},
    ...firstStep(1_790_000_000_000),
  };
}

function visit(target: string, generation: number, sequence: number): Visit {
  return {
    target,
    generation,
    sequence,
    step: "validate",
    at: 1,
    durationMs: 1,
    result: "succeeded",
    found: "x",
    next: "build",
  };
}

/** What every deployment store owes; run on the fake and on the adapter. */
export function deploymentStoreContract(name: string, open: () => Promise<DeploymentStore>): void {
  describe(`deployment store: ${name}`, () => {
    let store: DeploymentStore;
    let target = "";
    let count = 0;
    beforeEach(async () => {
      store = await open();
      count += 1;
      target = `target-${process.pid}-${count}`;
    });
    const first = (generation = 10) =>
      store.save({
        target,
        record: { value: { ...newTarget(target), generation } },
        deployments: [{ value: deployment(target, generation) }],
        visits: [visit(target, generation, 1)],
      });

    it("knows nothing of a target that was never saved, but knows the time", async () => {
      const { now, record } = await store.readTarget(target);
      expect(record).toBeUndefined();
      expect(now).toBeGreaterThan(1_700_000_000_000);
      expect(await store.readDeployment(target, 1)).toBeUndefined();
    });

    it("gives back what was saved, whatever the model is called", async () => {
      expect(await first()).toBe("saved");
      expect((await store.readDeployment(target, 10))?.value).toEqual(deployment(target, 10));
      expect((await store.readTarget(target)).record?.value).toEqual({ ...newTarget(target), generation: 10 });
      expect(await store.readVisits(target, 10)).toEqual([visit(target, 10, 1)]);
    });

    it("takes the same insert once", async () => {
      await first();
      expect(await first()).toBe("conflict");
    });

    it("refuses a write with an ETag that is no longer current, and writes nothing of it", async () => {
      await first();
      const read = await store.readDeployment(target, 10);
      const etag = read?.etag ?? "";
      const change = (sequence: number) => ({
        target,
        deployments: [{ value: deployment(target, 10, sequence), etag }],
        visits: [visit(target, 10, sequence)],
      });
      expect(await store.save(change(2))).toBe("saved");
      expect(await store.save(change(3))).toBe("conflict");
      expect((await store.readVisits(target, 10)).map(({ sequence }) => sequence)).toEqual([1, 2]);
    });

    it("refuses a replayed transaction", async () => {
      await first();
      const read = await store.readDeployment(target, 10);
      const change = {
        target,
        deployments: [{ value: deployment(target, 10, 2), etag: read?.etag ?? "" }],
        visits: [visit(target, 10, 2)],
      };
      await store.save(change);
      expect(await store.save(change)).toBe("conflict");
    });

    it("keeps bundles by their id, large ones too, and the first content stays", async () => {
      const content = JSON.stringify(Array.from({ length: 20_000 }, (_, index) => `line ${(index * 7919) % 10_007}`));
      await store.putBundle(target, "release", "r1", content);
      await store.putBundle(target, "release", "r1", content);
      expect(await store.readBundle(target, "release", "r1")).toBe(content);
      expect(await store.readBundle(target, "policy", "r1")).toBeUndefined();
    });

    it("lets the first insert of a build win and updates it by ETag", async () => {
      const key = `key-${process.pid}-${count}`;
      expect(await store.saveBuild({ key, attempt: 1, sourcePath: "a" })).toBe("saved");
      expect(await store.saveBuild({ key, attempt: 1, sourcePath: "b" })).toBe("conflict");
      const read = await store.readBuild(key);
      expect(read?.value).toEqual({ key, attempt: 1, sourcePath: "a" });
      expect(await store.saveBuild({ key, attempt: 2, sourcePath: "a" }, read?.etag)).toBe("saved");
      expect(await store.saveBuild({ key, attempt: 3, sourcePath: "a" }, read?.etag)).toBe("conflict");
    });

    it("lists a target's deployments newest first, bounded", async () => {
      for (const generation of [10, 11, 9])
        await store.save({ target, deployments: [{ value: deployment(target, generation) }], visits: [] });
      expect((await store.listOfTarget(target, 2)).map(({ generation }) => generation)).toEqual([11, 10]);
    });

    it("finds nothing of others under a name that reads like a filter", async () => {
      await first();
      expect(await store.listOfTarget(`x' or PartitionKey ne '`, 10)).toEqual([]);
    });

    it("lists hints of the last days, newest first", async () => {
      const now = 1_790_000_000_000 + count * 10 * 86_400_000;
      await store.hintListed(target, 5, now - 86_400_000);
      await store.hintListed(target, 7, now);
      await store.hintListed(target, 7, now);
      expect(await store.listHints(3, 10, now)).toEqual([
        { target, generation: 7 },
        { target, generation: 5 },
      ]);
      expect(await store.listHints(3, 1, now)).toHaveLength(1);
    });

    describe("hints of open deployments", () => {
      const open = async () => (await store.listOpen(1_000)).filter(({ value }) => value.target === target);

      it("are kept as they were first written", async () => {
        await store.hintOpen(target, 10, 5);
        await store.hintOpen(target, 10, 6);
        expect((await open()).map(({ value }) => value)).toEqual([
          { target, generation: 10, createdAt: 5, sequence: 0, times: 0, nextAt: 0 },
        ]);
      });

      it("are changed and removed only as they were read", async () => {
        await store.hintOpen(target, 10, 5);
        const [first] = await open();
        if (first === undefined) throw new Error("no hint");
        const swept = { ...first.value, times: 1, nextAt: 9 };
        expect(await store.saveOpen(swept, first.etag)).toBe("saved");
        expect(await store.saveOpen(swept, first.etag)).toBe("conflict");
        await store.removeOpen(swept, first.etag);
        const [second] = await open();
        expect(second?.value).toEqual(swept);
        await store.removeOpen(swept, second?.etag ?? "");
        await store.removeOpen(swept, second?.etag ?? "");
        expect(await open()).toEqual([]);
      });

      it("come a page at a time, each once", async () => {
        for (const generation of [1, 2, 3]) await store.hintOpen(target, generation, 5);
        const first = await store.listOpen(1_000, { target, generation: 9_999_999 });
        expect(first.slice(0, 2).map(({ value }) => value.generation)).toEqual([3, 2]);
        const second = await store.listOpen(1, first[1]?.value);
        expect(second.map(({ value }) => [value.target, value.generation])).toEqual([[target, 1]]);
      });
    });

    it("remembers what an ended deployment owed and got, each once", async () => {
      for (const what of ["log", "prune", "log"]) await store.markDone(target, 10, what);
      await store.markDone(target, 100, "slack");
      expect((await store.readDone(target, 10)).toSorted()).toEqual(["log", "prune"]);
      expect(await store.readDone(target, 1)).toEqual([]);
    });

    it("keeps notes, and changes them only as they were read", async () => {
      const name = `note-${target}`;
      expect(await store.readNote(name)).toBeUndefined();
      expect(await store.saveNote(name, { at: 1 })).toBe("saved");
      expect(await store.saveNote(name, { at: 2 })).toBe("conflict");
      const read = await store.readNote(name);
      expect(read?.value).toEqual({ at: 1 });
      expect(await store.saveNote(name, { at: 3 }, read?.etag)).toBe("saved");
      expect(await store.saveNote(name, { at: 4 }, read?.etag)).toBe("conflict");
    });

    it("lists the deployments of one day, a page at a time", async () => {
      const now = 1_800_000_000_000 + process.pid * 86_400_000;
      const day = new Date(now).toISOString().slice(0, 10);
      for (const generation of [5, 6, 7]) await store.hintListed(target, generation, now);
      await store.hintListed(target, 8, now + 2 * 86_400_000);
      const mine = (all: readonly { target: string }[]) => all.filter((one) => one.target === target);
      const first = mine(await store.listDay(day, 100));
      expect(first).toEqual([7, 6, 5].map((generation) => ({ target, generation })));
      expect(mine(await store.listDay(day, 100, { target, generation: 6 }))).toEqual([{ target, generation: 5 }]);
    });

    it("removes a bundle, however often it is asked to", async () => {
      await store.putBundle(target, "release", "r1", "content");
      const etag = (await store.readBundleEtag(target, "release", "r1")) ?? "";
      await store.removeBundle(target, "release", "r1", etag);
      await store.removeBundle(target, "release", "r1", etag);
      expect(await store.readBundle(target, "release", "r1")).toBeUndefined();
      expect(await store.readBundleEtag(target, "release", "r1")).toBeUndefined();
    });

    it("leaves a bundle that was put again since it was seen", async () => {
      await store.putBundle(target, "release", "r1", "content");
      const etag = (await store.readBundleEtag(target, "release", "r1")) ?? "";
      await store.putBundle(target, "release", "r1", "content");
      await store.removeBundle(target, "release", "r1", etag);
      expect(await store.readBundle(target, "release", "r1")).toBe("content");
    });

    it("keeps a day's first report", async () => {
      const report = { target, day: "2026-11-25", at: 5, findings: ["a", "b"] };
      expect(await store.readReport(target, report.day)).toBeUndefined();
      await store.saveReport(report);
      await store.saveReport({ ...report, findings: [] });
      expect(await store.readReport(target, report.day)).toEqual(report);
    });

    it("keeps the history of one deployment apart from the next", async () => {
      await first(10);
      await store.save({ target, deployments: [{ value: deployment(target, 100) }], visits: [visit(target, 100, 1)] });
      expect(await store.readVisits(target, 10)).toHaveLength(1);
    });
  });
}
