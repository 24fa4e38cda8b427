import { join, posix } from "node:path";
import { collectCopy } from "./copy.ts";
import { BuildError, type Instruction } from "./dockerfile.ts";
import { download } from "./download.ts";
import type { LayerEntry } from "./layer.ts";
import type { Expand } from "./stage.ts";
import { parseJsonWords, splitWords } from "./words.ts";

export type TransferContext = {
  /** The real path of the unpacked context. */
  context: string;
  temporary: string;
  workingDirectory: string;
  expand: Expand;
  escapeCharacter: string;
  isDirectory: (path: string) => Promise<boolean>;
  log: (line: string) => void;
  signal?: AbortSignal | undefined;
};

type Paths = { sources: string[]; destination: string };

function refuseFlags({ keyword, flags }: Instruction, known: readonly string[]): void {
  for (const flag of flags.keys()) {
    if (!known.includes(flag)) throw new BuildError(`${keyword} --${flag} is not supported by the built-in builder`);
  }
}

function modeOf({ flags }: Instruction): number | undefined {
  const written = flags.get("chmod");
  if (written === undefined) return undefined;
  if (!/^0?[0-7]{3}$/.test(written)) throw new BuildError(`--chmod=${written} is not an octal mode`);
  return Number.parseInt(written, 8);
}

/** Numbers are kept; a name would need the image's own /etc/passwd. */
function ownerOf({ flags }: Instruction, log: (line: string) => void): { uid: number; gid: number } {
  const written = flags.get("chown");
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(written ?? "") ?? [];
  if (written !== undefined && uid === undefined) {
    log(`[Warning] --chown=${written} is not resolved by the built-in builder: the files belong to root`);
  }
  return { uid: Number(uid ?? 0), gid: Number(gid ?? 0) };
}

function pathsOf(instruction: Instruction, { expand, escapeCharacter }: TransferContext): Paths {
  const { keyword, arguments: text } = instruction;
  const words = (parseJsonWords(text) ?? splitWords(text, escapeCharacter)).map(expand);
  const destination = words.pop();
  if (destination === undefined || words.length === 0) {
    throw new BuildError(`${keyword} requires at least two arguments, but only one was provided`);
  }
  return { sources: words, destination };
}

/** What a COPY puts into the image. */
export async function copyStep(instruction: Instruction, given: TransferContext): Promise<LayerEntry[]> {
  refuseFlags(instruction, ["chown", "chmod"]);
  const owner = ownerOf(instruction, given.log);
  return collectCopy({ ...given, ...pathsOf(instruction, given), owner, mode: modeOf(instruction) });
}

function addressOf(source: string): URL {
  const url = /^https?:\/\//i.test(source) ? URL.parse(source) : null;
  if (!url || url.pathname.endsWith(".git")) {
    throw new BuildError("ADD is supported by the built-in builder for http(s) addresses of files only: use COPY");
  }
  return url;
}

/** What an ADD of an http(s) address puts into the image: one file, fetched now. */
export async function addStep(instruction: Instruction, given: TransferContext): Promise<LayerEntry[]> {
  refuseFlags(instruction, ["checksum", "chown", "chmod"]);
  const { sources, destination } = pathsOf(instruction, given);
  const [source = "", ...others] = sources;
  if (others.length > 0) throw new BuildError("ADD is supported by the built-in builder for one address at a time");
  const url = addressOf(source);
  const name = decodeURIComponent(posix.basename(url.pathname));
  if (destination.endsWith("/") && (name === "" || name.includes("/"))) {
    throw new BuildError(`ADD failed: cannot determine filename from url: ${url.origin}${url.pathname}`);
  }
  const path = posix.resolve("/", given.workingDirectory, destination, destination.endsWith("/") ? name : "");
  const file = join(given.temporary, `add-${instruction.line}`);
  const checksum = instruction.flags.get("checksum");
  const bytes = await download(url, file, checksum && given.expand(checksum), given.signal);
  // Docker, too, gives a fetched file to its owner only.
  const mode = modeOf(instruction) ?? 0o600;
  return [{ path: path.slice(1), type: "file", source: file, bytes, mode, ...ownerOf(instruction, given.log) }];
}
