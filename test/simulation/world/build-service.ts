import { createHash } from "node:crypto";
import type { ImageBuilder } from "../../../shared/ports/image-builder.ts";
import { createFakeBuilder, createFakeImages, type FakeBuilder, type FakeImages } from "../../fakes/fake-builder.ts";

/** How a version's build turns out. */
export type BuildFate = "good" | "broken";

/** ACR: task runs by name, and images with tags and locks. */
export interface SimulatedBuilds {
  builder: ImageBuilder;
  images: FakeImages;
  /** Builds that end while it is down fail, by the service's own fault. */
  setDown(down: boolean): void;
  /** The version that an image was built from. */
  versionOf(image: string): string;
  started: FakeBuilder["builds"];
  /** Digest of the image that was built last. */
  newestImage(): string | undefined;
}

const BUILD_SECONDS = 6;

export function createSimulatedBuilds(now: () => number, fateOf: (version: string) => BuildFate): SimulatedBuilds {
  const images = createFakeImages();
  const failed = new Set<string>();
  let down = false;
  const builder = createFakeBuilder(now, images, ({ name, images: [image = ""] }) => {
    if (down) failed.add(name);
    if (failed.has(name)) return { seconds: 0, state: { ...FAILED, cause: "service", message: "no agent" } };
    if (fateOf(image.split(":")[1]?.split("-")[0] ?? "") === "good") return { seconds: BUILD_SECONDS };
    return { seconds: BUILD_SECONDS, state: { ...FAILED, cause: "broken", message: "COPY failed: no such file" } };
  });
  /** Images that somebody deleted: a run that has ended does not push its image again. */
  const lost = new Set<string>();
  let uploads = 0;
  return {
    images: {
      ...images,
      drop: (digest) => {
        const was = images.has(digest);
        const dropped = images.drop(digest);
        if (was && dropped) lost.add(digest);
        return dropped;
      },
    },
    builder: {
      ...builder,
      start: async (request, signal) => {
        const known = builder.builds().some(({ name }) => name === request.name);
        if (!known) for (const image of request.images) lost.delete(digestOf(image));
        return builder.start(request, signal);
      },
      look: async (name, signal) => {
        const state = await builder.look(name, signal);
        if (state.kind === "succeeded" && lost.has(state.digest ?? "")) images.drop(state.digest ?? "");
        return state;
      },
      // What is in a context is shown elsewhere; here only that there is one, and where it lies.
      uploadContext: async (context) => {
        context.destroy();
        uploads += 1;
        return `source/${uploads}.tar.gz`;
      },
    },
    setDown: (value) => {
      down = value;
    },
    versionOf: (image) => images.tagOf(image)?.split("-")[0] ?? "",
    started: builder.builds,
    newestImage: () => {
      const {
        images: [newest = ""],
      } = builder.builds().at(-1) ?? { images: [] };
      return newest === "" ? undefined : digestOf(newest);
    },
  };
}

/** As the fake registry gives them. */
function digestOf(image: string): string {
  return `sha256:${createHash("sha256").update(image).digest("hex")}`;
}

const FAILED = { kind: "failed", lastLines: ["Step 3/7 : COPY model/ model/"] } as const;
