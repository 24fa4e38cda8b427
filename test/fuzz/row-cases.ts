import { spoilText, TEXT_KINDS } from "./json-text.ts";
import type { Random } from "./random.ts";

type Row = Readonly<Record<string, unknown>>;

const ROW_KINDS = ["another schema", "no such chunk", "a chunk twice", "swapped", "another type", "text"] as const;

/** Spoils a row as it lies in the table, and says how. */
export function spoilRow(random: Random, row: Row): { kind: string; row: Row } {
  const kind = random.pick(ROW_KINDS);
  const chunks = Object.keys(row).filter((name) => name !== "schema");
  const chunk = random.pick(chunks);
  switch (kind) {
    case "another schema":
      return { kind, row: { ...row, schema: random.pick([2, 99, 2 ** 31, 1.5, 0, -1, "2", null, "", Number.NaN]) } };
    case "no such chunk":
      return { kind, row: Object.fromEntries(Object.entries(row).filter(([name]) => name !== chunk)) };
    case "a chunk twice":
      return { kind, row: { ...row, [chunk.replace(/\d+/, String(chunks.length))]: row[chunk] } };
    case "swapped":
      return { kind, row: { ...row, [chunk]: row[random.pick(chunks)] } };
    case "another type":
      return {
        kind,
        row: { ...row, [chunk]: random.pick([7, null, true, new Date(0), 7n, "", [], new Uint8Array(3)]) },
      };
    case "text":
      return { kind, row: { ...row, [chunk]: spoilChunk(random, row[chunk]) } };
    default:
      return kind satisfies never;
  }
}

function spoilChunk(random: Random, chunk: unknown): unknown {
  const kind = random.pick(TEXT_KINDS);
  if (typeof chunk === "string") return spoilText(random, kind, chunk).toString("utf8");
  return new Uint8Array(spoilBytes(random, chunk instanceof Uint8Array ? chunk : new Uint8Array()));
}

function spoilBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
  return random.pick([changed, bytes.subarray(0, at), new Uint8Array(), Buffer.concat([bytes, bytes.subarray(0, at)])]);
}
