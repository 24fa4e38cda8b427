import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { TransientError } from "../../shared/domain/errors.ts";
import type { BuildRequest, BuildState, ImageBuilder } from "../../shared/ports/image-builder.ts";
import type { ImageRegistry } from "../../shared/ports/image-registry.ts";

/** How a build turns out: the last part of its repository's name. */
export type BuildFate = "good" | "broken" | "service";

/** A builder whose builds run until they are let go. */
export interface BuilderStage {
  builder: ImageBuilder;
  images: ImageRegistry;
  /** Lets every build that runs come to its end. */
  letGo(): void;
  /** How many builds have really been started. */
  builds(): number;
}

export const fateOf = (image: string): BuildFate =>
  (["broken", "service"] as const).find((fate) => image.split(":")[0]?.endsWith(fate) === true) ?? "good";

function contextOf(fate: BuildFate): Readable {
  const archive = pack();
  const missing = fate === "broken" ? "COPY missing.json /app/\n" : "";
  archive.entry({ name: "Dockerfile" }, `FROM scratch\nCOPY model.json /app/\n${missing}`);
  archive.entry({ name: "model.json" }, JSON.stringify({ weights: [1, 2] }));
  archive.finalize();
  return archive.pipe(createGzip());
}

const signal = AbortSignal.timeout(60_000);

/** What every image builder owes; run on the fake and on the adapter. */
export function imageBuilderContract(name: string, open: () => Promise<BuilderStage>): void {
  describe(`image builder: ${name}`, () => {
    let stage: BuilderStage;
    let count = 0;
    beforeEach(async () => {
      stage = await open();
      count += 1;
    });

    const upload = (fate: BuildFate = "good") => stage.builder.uploadContext(contextOf(fate), signal);
    const requestOf = async (fate: BuildFate = "good"): Promise<BuildRequest> => ({
      name: `belay-${fate}-${process.pid}-${count}`,
      sourcePath: await upload(fate),
      images: [`models/${fate}:${count}`],
      arguments: { BASE_IMAGE: "scratch" },
      platform: "linux/amd64",
      timeoutSeconds: 3600,
    });
    const ended = (taskRun: string): Promise<Exclude<BuildState, { kind: "absent" | "running" }>> => {
      stage.letGo();
      return vi.waitFor(
        async () => {
          const state = await stage.builder.look(taskRun, signal);
          if (state.kind === "absent" || state.kind === "running") throw new Error(`the build is ${state.kind}`);
          return state;
        },
        { timeout: 5_000, interval: 10 },
      );
    };

    it("gives every upload a path of its own, and reads the stream to its end", async () => {
      const stream = contextOf("good");
      const paths = [await stage.builder.uploadContext(stream, signal), await upload(), await upload()];
      expect(new Set(paths).size).toBe(3);
      expect(stream.readableEnded || stream.destroyed).toBe(true);
    });

    it("passes on what broke the stream", async () => {
      const broken = Readable.from(
        (async function* () {
          yield randomBytes(10);
          throw new TransientError("unreachable", "the model registry went away");
        })(),
      );
      await expect(stage.builder.uploadContext(broken, signal)).rejects.toThrow("the model registry went away");
    });

    it("knows nothing of a build that nobody asked for", async () => {
      expect(await stage.builder.look("belay-nobody-asked", signal)).toEqual({ kind: "absent" });
    });

    it("returns as soon as a build is asked for, and shows it running", async () => {
      const request = await requestOf();
      await stage.builder.start(request, signal);
      expect(await stage.builder.look(request.name, signal)).toMatchObject({ kind: "running" });
    });

    it("gives a build's digest, under which the registry has the image", async () => {
      const request = await requestOf();
      await stage.builder.start(request, signal);
      const state = await ended(request.name);
      const digest = await stage.images.digestOf("models/good", String(count), signal);
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(state).toMatchObject({ kind: "succeeded", digest });
      expect(await stage.images.exists("models/good", digest ?? "", signal)).toBe(true);
    });

    it.each(["good", "broken"] as const)(
      "makes one build of the same request, while it runs and after a %s ending",
      async (fate) => {
        const before = stage.builds();
        const request = await requestOf(fate);
        await stage.builder.start(request, signal);
        await stage.builder.start(request, signal);
        const first = await ended(request.name);
        await stage.builder.start(request, signal);
        expect(await ended(request.name)).toEqual(first);
        expect(stage.builds() - before).toBe(1);
      },
    );

    it("builds again under another name", async () => {
      const before = stage.builds();
      const request = await requestOf();
      await stage.builder.start(request, signal);
      await stage.builder.start({ ...request, name: `${request.name}-2` }, signal);
      await ended(`${request.name}-2`);
      expect(stage.builds() - before).toBe(2);
    });

    it("removes a build's record, also a second time, and leaves its image", async () => {
      const request = await requestOf();
      await stage.builder.start(request, signal);
      const state = await ended(request.name);
      await stage.builder.remove(request.name, signal);
      expect(await stage.builder.look(request.name, signal)).toEqual({ kind: "absent" });
      await stage.builder.remove(request.name, signal);
      const digest = state.kind === "succeeded" ? (state.digest ?? "") : "";
      expect(await stage.images.digestOf("models/good", String(count), signal)).toBe(digest);
      expect(await stage.images.exists("models/good", digest, signal)).toBe(true);
    });

    it("removes the record of a build that failed", async () => {
      const request = await requestOf("broken");
      await stage.builder.start(request, signal);
      await ended(request.name);
      await stage.builder.remove(request.name, signal);
      expect(await stage.builder.look(request.name, signal)).toEqual({ kind: "absent" });
    });

    it("removes no other build's record", async () => {
      const request = await requestOf();
      const other = { ...request, name: `${request.name}-2` };
      await stage.builder.start(request, signal);
      await stage.builder.start(other, signal);
      await ended(other.name);
      await stage.builder.remove(request.name, signal);
      expect(await stage.builder.look(other.name, signal)).toMatchObject({ kind: "succeeded" });
    });

    it("takes the removal of a build that nobody asked for for no error", async () => {
      await expect(stage.builder.remove("belay-nobody-asked", signal)).resolves.toBeUndefined();
    });

    it("builds again what was removed", async () => {
      const before = stage.builds();
      const request = await requestOf();
      await stage.builder.start(request, signal);
      await ended(request.name);
      await stage.builder.remove(request.name, signal);
      await stage.builder.start(request, signal);
      expect(await ended(request.name)).toMatchObject({ kind: "succeeded" });
      expect(stage.builds() - before).toBe(2);
    });

    it("says that a Dockerfile is broken, with the last lines of its log", async () => {
      const request = await requestOf("broken");
      await stage.builder.start(request, signal);
      const state = await ended(request.name);
      expect(state).toMatchObject({ kind: "failed", cause: "broken" });
      if (state.kind !== "failed") return;
      expect(state.message).not.toBe("");
      expect(state.lastLines.join("\n")).toContain("missing.json");
      expect(state.lastLines.length).toBeLessThanOrEqual(100);
    });

    it("says that the builder itself gave way", async () => {
      const request = await requestOf("service");
      await stage.builder.start(request, signal);
      expect(await ended(request.name)).toMatchObject({ kind: "failed", cause: "service" });
    });
  });
}
