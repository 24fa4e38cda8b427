import { join, posix } from "node:path";
import { ImageError, type RegistryClient } from "../container-registry/client.ts";
import { type ResolvedImage, resolveImage } from "../container-registry/pull.ts";
import { createImageTree, type ImageTree, type LayerLists } from "./base-tree.ts";
import { BuildError, type Instruction } from "./dockerfile.ts";
import { type LayerEntry, writeLayer } from "./layer.ts";
import type { BuiltImage, ImageLayer } from "./push.ts";
import { type Platform, parseBase } from "./references.ts";
import {
  applyConfigStep,
  type BuildArguments,
  createExpand,
  declareArguments,
  type Stage,
  startStage,
} from "./stage.ts";
import { addStep, copyStep } from "./transfer-steps.ts";

const EPOCH = new Date(0).toISOString();

/** What every step of one build may use. */
export type Build = BuildArguments & {
  client: RegistryClient;
  lists: LayerLists;
  /** The real path of the unpacked context. */
  context: string;
  temporary: string;
  platform: Platform;
  log: (line: string) => void;
  signal: AbortSignal | undefined;
};

/** The image as the steps so far have made it. */
export type Image = {
  stage: Stage;
  tree: ImageTree;
  layers: ImageLayer[];
  history: Record<string, unknown>[];
  /** Directories of WORKDIRs that no layer has yet. */
  owed: string[];
};

/** Begins an image at FROM. */
export async function startImage(build: Build, instruction: Instruction): Promise<Image> {
  const expand = createExpand(build, undefined);
  const [name = "", as, alias, ...more] = instruction.arguments.split(/\s+/);
  const isNamed = as?.toUpperCase() === "AS" && alias !== undefined && more.length === 0;
  if (as !== undefined && !isNamed) throw new BuildError("FROM requires either one or three arguments");
  const { client, lists, temporary, platform, signal } = build;
  const image = expand(name);
  if (image === "") throw new BuildError(`base name (${name}) should not be blank`);
  const base = parseBase(image, client.host);
  if (!base) {
    return { stage: startStage(undefined), tree: createImageTree(undefined), layers: [], history: [], owed: [] };
  }
  const resolved = await resolveImage(client, base.repository, base.reference, platform.architecture).catch(
    (cause: unknown) => {
      if (!(cause instanceof ImageError) || cause.fault !== "not-found") throw cause;
      throw new BuildError(`manifest for ${image} not found in ${client.host}`, { cause });
    },
  );
  const { layers } = resolved.manifest;
  return {
    stage: startStage(resolved.config),
    tree: createImageTree({
      client,
      lists,
      repository: base.repository,
      layers,
      temporary,
      signal,
    }),
    layers: layersOf(resolved, base.repository),
    history: historyOf(resolved, image),
    owed: [],
  };
}

function layersOf({ manifest, config }: ResolvedImage, from: string): ImageLayer[] {
  return manifest.layers.map((descriptor, index) => {
    const diffId = config.rootfs.diff_ids[index];
    if (diffId === undefined) throw new BuildError(`the base image ${from} names fewer diff_ids than layers`);
    return { descriptor, diffId, from };
  });
}

/** One entry a layer, at least: readers pair the two. */
function historyOf({ manifest, config }: ResolvedImage, image: string): Record<string, unknown>[] {
  const told = config.history.filter((entry) => entry["empty_layer"] !== true).length;
  if (told === manifest.layers.length) return [...config.history];
  return manifest.layers.map(() => ({ created: EPOCH, created_by: `FROM ${image}` }));
}

async function addLayer(build: Build, image: Image, created: string, entries: readonly LayerEntry[]): Promise<void> {
  const file = join(build.temporary, `layer-${image.layers.length}`);
  const missing = image.owed.filter((path) => !entries.some((entry) => entry.path === path));
  const directories = missing.map((path) => ({ path, type: "directory", mode: 0o755, uid: 0, gid: 0 }) as const);
  const all = [...directories, ...entries].sort((one, other) => (one.path < other.path ? -1 : 1));
  const layer = await writeLayer(all, file, build.signal);
  image.layers.push(layer);
  image.history.push({ created: EPOCH, created_by: created });
  image.owed = [];
  for (const { path, type } of all) {
    image.tree.addDirectory(type === "directory" ? `/${path}` : posix.dirname(`/${path}`));
  }
  build.log(` ---> ${layer.descriptor.digest.slice("sha256:".length, 19)}`);
}

async function oweDirectory(image: Image): Promise<void> {
  const path = image.stage.config.WorkingDir;
  if (await image.tree.isDirectory(path)) return;
  image.owed.push(path.slice(1));
  image.tree.addDirectory(path);
}

const refused: Readonly<Record<string, string>> = {
  RUN: "RUN is not supported by the built-in builder: it has no container to run commands in; build elsewhere what they make, and COPY it",
  ONBUILD: "ONBUILD is not supported by the built-in builder",
  SHELL: "SHELL is not supported by the built-in builder",
  MAINTAINER: "MAINTAINER is not supported by the built-in builder: use LABEL",
  FROM: "more than one FROM is not supported by the built-in builder",
};

/** Takes one instruction after FROM; throws a BuildError. */
export async function applyStep(build: Build, image: Image, instruction: Instruction): Promise<void> {
  const { stage, tree, history } = image;
  const { context, temporary, escapeCharacter, log, signal } = build;
  const { keyword, text } = instruction;
  const refusal = refused[keyword];
  if (refusal !== undefined) throw new BuildError(refusal);
  if (keyword === "COPY" || keyword === "ADD") {
    const take = keyword === "COPY" ? copyStep : addStep;
    const entries = await take(instruction, {
      context,
      temporary,
      escapeCharacter,
      workingDirectory: stage.config.WorkingDir,
      expand: createExpand(build, stage),
      isDirectory: tree.isDirectory,
      log,
      signal,
    });
    return addLayer(build, image, text, entries);
  }
  if (!applyConfigStep(instruction, build, stage)) declareArguments(instruction, build, stage);
  if (keyword === "WORKDIR") await oweDirectory(image);
  history.push({ created: EPOCH, created_by: text, empty_layer: true });
}

/** The image as it is stored. */
export async function finishImage(build: Build, image: Image): Promise<BuiltImage> {
  if (image.owed.length > 0) await addLayer(build, image, "WORKDIR", []);
  const { stage, layers, history } = image;
  const filled = Object.entries(stage.config).filter(
    ([, value]) => value !== "" && !(typeof value === "object" && value !== null && Object.keys(value).length === 0),
  );
  const config = {
    created: EPOCH,
    ...build.platform,
    config: Object.fromEntries(filled),
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history,
  };
  return { config: Buffer.from(JSON.stringify(config)), layers };
}
