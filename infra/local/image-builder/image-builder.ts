import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRegistryClient, type RegistryClient } from "../container-registry/client.ts";
import { digestOf } from "../container-registry/image-format.ts";
import { createLayerLists } from "./base-tree.ts";
import { openContext } from "./context.ts";
import { BuildError, type Dockerfile, type Instruction, parseDockerfile } from "./dockerfile.ts";
import { applyStep, type Build, finishImage, type Image, startImage } from "./image.ts";
import { pushImage } from "./push.ts";
import { parsePlatform, parseTags } from "./references.ts";
import { declareArguments, splitPair } from "./stage.ts";
import { splitWords } from "./words.ts";

export { BuildError } from "./dockerfile.ts";

export type BuildOptions = {
  /** Path of the packed context. */
  contextTarGz: string;
  /** Path of the Dockerfile in the context. */
  dockerfile: string;
  buildArguments: Readonly<Record<string, string>>;
  /** `linux/<architecture>[/<variant>]` */
  platform: string;
  /** Where the image goes and where its base comes from. */
  registry: { url: string; ca?: string };
  /** `repository:tag`, all of one repository. */
  tags: readonly string[];
  log: (line: string) => void;
  signal?: AbortSignal;
};

export type BuildResult = { digest: string; repository: string; tags: readonly string[] };

export type ImageBuilder = {
  /** Builds and pushes; throws a BuildError for what is wrong with Dockerfile or context, an ImageError for the registry. */
  build(options: BuildOptions): Promise<BuildResult>;
};

async function take(build: Build, image: Image | undefined, instruction: Instruction): Promise<Image | undefined> {
  if (image) {
    await applyStep(build, image, instruction);
    return image;
  }
  if (instruction.keyword === "FROM") return startImage(build, instruction);
  if (instruction.keyword !== "ARG") throw new BuildError("no build stage in current context: FROM must come first");
  declareArguments(instruction, build, undefined);
  return undefined;
}

async function runSteps(build: Build, { instructions }: Dockerfile): Promise<Image> {
  let image: Image | undefined;
  for (const [index, instruction] of instructions.entries()) {
    build.signal?.throwIfAborted();
    build.log(`Step ${index + 1}/${instructions.length} : ${instruction.text}`);
    try {
      image = await take(build, image, instruction);
    } catch (cause) {
      if (!(cause instanceof BuildError)) throw cause;
      throw new BuildError(`${cause.message} (line ${instruction.line}, ${instruction.keyword})`, { cause });
    }
  }
  if (!image) throw new BuildError("no build stage in current context: FROM is missing");
  return image;
}

function warnOfUnused({ given, escapeCharacter, log }: Build, { instructions }: Dockerfile): void {
  const declared = new Set(
    instructions
      .filter(({ keyword }) => keyword === "ARG")
      .flatMap(({ arguments: text }) => splitWords(text, escapeCharacter).map((word) => splitPair(word)[0])),
  );
  const unused = Object.keys(given).filter((name) => !declared.has(name));
  if (unused.length > 0) log(`[Warning] One or more build-args [${unused.join(" ")}] were not consumed`);
}

/** Builds OCI images without a container engine: the Dockerfile subset of the README, no RUN. */
export function createImageBuilder(): ImageBuilder {
  const lists = createLayerLists();

  async function buildIn(temporary: string, client: RegistryClient, options: BuildOptions): Promise<BuildResult> {
    const platform = parsePlatform(options.platform);
    const { repository, names } = parseTags(options.tags, client.host);
    const unpacked = join(temporary, "context");
    const { root, source } = await openContext(options.contextTarGz, unpacked, options.dockerfile, options.signal);
    const dockerfile = parseDockerfile(source);
    const { log, signal } = options;
    const build: Build = {
      client,
      lists,
      temporary,
      platform,
      context: root,
      escapeCharacter: dockerfile.escapeCharacter,
      log,
      signal,
      given: options.buildArguments,
      global: new Map([
        ["TARGETPLATFORM", options.platform],
        ["TARGETOS", platform.os],
        ["TARGETARCH", platform.architecture],
        ["TARGETVARIANT", platform.variant ?? ""],
      ]),
    };
    const image = await finishImage(build, await runSteps(build, dockerfile));
    warnOfUnused(build, dockerfile);
    log(`Successfully built ${digestOf(image.config).slice("sha256:".length, 19)}`);
    for (const name of names) log(`Successfully tagged ${repository}:${name}`);
    const digest = await pushImage(client, image, repository, names, log);
    return { digest, repository, tags: names };
  }

  return {
    async build(options) {
      const client = createRegistryClient({ ...options.registry, signal: options.signal });
      const temporary = await mkdtemp(join(tmpdir(), "image-build-"));
      try {
        return await buildIn(temporary, client, options);
      } finally {
        client.close();
        await rm(temporary, { recursive: true, force: true });
      }
    },
  };
}
