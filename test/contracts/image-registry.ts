import { beforeEach, describe, expect, it } from "vitest";
import type { ImageRegistry } from "../../shared/ports/image-registry.ts";

/** A registry and what happens to it behind Belay's back. */
export interface RegistryStage {
  images: ImageRegistry;
  /** Pushes an image under a tag and returns its digest. */
  push(repository: string, tag: string, content: string): Promise<string>;
  /** Tries to delete an image; false: it is protected. */
  remove(repository: string, digest: string): Promise<boolean>;
}

const UNKNOWN = `sha256:${"0".repeat(64)}`;
const signal = AbortSignal.timeout(60_000);

/** What every image registry owes; run on the fake and on the adapter. */
export function imageRegistryContract(name: string, open: () => Promise<RegistryStage>): void {
  describe(`image registry: ${name}`, () => {
    let stage: RegistryStage;
    let repository = "";
    let count = 0;
    beforeEach(async () => {
      stage = await open();
      count += 1;
      repository = `models/m-${count}-${process.pid}`;
    });

    it("names itself as image references do", () => {
      expect(stage.images.loginServer).toMatch(/^[a-z0-9.-]+(:\d+)?$/);
    });

    it("answers", async () => {
      await expect(stage.images.ping(signal)).resolves.toBeUndefined();
    });

    it("finds the digest a tag points to, and the image under it", async () => {
      const digest = await stage.push(repository, "1-abc", "one");
      expect(await stage.images.digestOf(repository, "1-abc", signal)).toBe(digest);
      expect(await stage.images.exists(repository, digest, signal)).toBe(true);
    });

    it("follows a tag that was moved", async () => {
      await stage.push(repository, "1", "one");
      const second = await stage.push(repository, "1", "two");
      expect(await stage.images.digestOf(repository, "1", signal)).toBe(second);
    });

    it("finds nothing in a repository, under a tag or a digest that is not there", async () => {
      expect(await stage.images.digestOf(repository, "1", signal)).toBeUndefined();
      const digest = await stage.push(repository, "1", "one");
      expect(await stage.images.digestOf(repository, "2", signal)).toBeUndefined();
      expect(await stage.images.exists(repository, UNKNOWN, signal)).toBe(false);
      expect(await stage.images.exists(`${repository}-other`, digest, signal)).toBe(false);
    });

    it("does not lock what is not there", async () => {
      expect(await stage.images.lock(repository, UNKNOWN, signal)).toBe(false);
    });

    it("loses an image that was deleted", async () => {
      const digest = await stage.push(repository, "1", "one");
      expect(await stage.remove(repository, digest)).toBe(true);
      expect(await stage.images.exists(repository, digest, signal)).toBe(false);
      expect(await stage.images.digestOf(repository, "1", signal)).toBeUndefined();
      expect(await stage.images.lock(repository, digest, signal)).toBe(false);
    });

    it("protects what it locked, however often, and can still be asked for it", async () => {
      const digest = await stage.push(repository, "1", "one");
      expect(await stage.images.lock(repository, digest, signal)).toBe(true);
      expect(await stage.images.lock(repository, digest, signal)).toBe(true);
      expect(await stage.remove(repository, digest)).toBe(false);
      expect(await stage.images.remove(repository, digest, signal)).toBe("locked");
      expect(await stage.images.exists(repository, digest, signal)).toBe(true);
      expect(await stage.images.digestOf(repository, "1", signal)).toBe(digest);
    });

    it("removes an image with all of its tags, once", async () => {
      const digest = await stage.push(repository, "1", "one");
      expect(await stage.push(repository, "1-again", "one")).toBe(digest);
      expect(await stage.images.remove(repository, digest, signal)).toBe("removed");
      expect(await stage.images.exists(repository, digest, signal)).toBe(false);
      for (const tag of ["1", "1-again"]) expect(await stage.images.digestOf(repository, tag, signal)).toBeUndefined();
      expect(await stage.images.remove(repository, digest, signal)).toBe("absent");
      expect(await stage.images.lock(repository, digest, signal)).toBe(false);
    });

    it("removes neither another image of the repository nor the same image of another", async () => {
      const digest = await stage.push(repository, "1", "one");
      const second = await stage.push(repository, "2", "two");
      await stage.push(`${repository}-other`, "1", "one");
      expect(await stage.images.remove(repository, digest, signal)).toBe("removed");
      expect(await stage.images.digestOf(repository, "2", signal)).toBe(second);
      expect(await stage.images.digestOf(`${repository}-other`, "1", signal)).toBe(digest);
    });

    it("removes what it unlocked again, however often", async () => {
      const digest = await stage.push(repository, "1", "one");
      await stage.images.lock(repository, digest, signal);
      await stage.images.unlock(repository, digest, signal);
      await stage.images.unlock(repository, digest, signal);
      expect(await stage.images.exists(repository, digest, signal)).toBe(true);
      expect(await stage.images.remove(repository, digest, signal)).toBe("removed");
      expect(await stage.images.exists(repository, digest, signal)).toBe(false);
    });

    it("is not disturbed by what is not there: neither image nor repository", async () => {
      await stage.push(repository, "1", "one");
      for (const where of [repository, `${repository}-nowhere`]) {
        await expect(stage.images.unlock(where, UNKNOWN, signal)).resolves.toBeUndefined();
        expect(await stage.images.remove(where, UNKNOWN, signal)).toBe("absent");
      }
    });

    it("keeps no lock for an image that was removed and pushed anew", async () => {
      const digest = await stage.push(repository, "1", "one");
      await stage.images.lock(repository, digest, signal);
      await stage.images.unlock(repository, digest, signal);
      await stage.images.remove(repository, digest, signal);
      expect(await stage.push(repository, "1", "one")).toBe(digest);
      expect(await stage.remove(repository, digest)).toBe(true);
    });
  });
}
