/** Whole numbers with units, the largest first: `500ms`, `3s`, `5m`, `1h30m`, `7d`. A day has 24 hours. */
export const DURATION = /^(?=\d)(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?(\d{1,6}ms)?$/;
/** `256MiB`, `10GiB`. */
export const SIZE = /^(\d{1,6})(KiB|MiB|GiB|TiB)$/;

const SECONDS: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1, ms: 0.001 };
const BYTES: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Seconds; undefined for what is no duration with units. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  const parts = text.matchAll(/(\d+)(ms|[dhms])/g);
  const seconds = [...parts].reduce((sum, [, digits, unit]) => sum + Number(digits) * (SECONDS[unit ?? ""] ?? 0), 0);
  return Math.round(seconds * 1000) / 1000;
}

/** Bytes; undefined for what is no size with a unit. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = SIZE.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (BYTES[unit ?? ""] ?? 0);
}
