import type { Random } from "./random.ts";

/** Text that means something somewhere: to a filter, a path, a shell, a page, a log, a table. */
const MEANING = [
  "' or 1 eq 1",
  "x' or PartitionKey ne '",
  '" OR ""="',
  "'; DROP TABLE deployments; --",
  "../../etc/passwd",
  "..\\..\\windows",
  "%2e%2e%2f",
  "%00",
  "%s%n",
  "%{jndi:ldap://a}",
  "$(id)",
  "`id`",
  "<script>alert(1)</script>",
  "\r\nx-injected: 1",
  "a/b?c=d#e&f=g",
  "name='a' AND name='b'",
  "null",
  "undefined",
  "__proto__",
  "constructor",
  "toString",
  "NaN",
  "-0",
  "1e999",
  "{}",
  "[]",
  "a:b,c=d",
  "*",
  " ",
  "\t",
  "",
  ".",
  "..",
  "CON",
  "\u202Eabc",
  "a\u200Db",
  "a\u200Bb",
  "\uFEFFa",
  "ﬀ",
  "İ",
  "ß",
  "e\u0301",
  "\u00E9",
  "\u0000",
  "\u001B[31m",
  "\u2028",
  "👩‍👩‍👧‍👦",
  "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
  "模型",
  "نموذج",
] as const;

/** Planes and corners of Unicode, as first and last code point; surrogates are among them. */
const RANGES = [
  [0x00, 0x1f],
  [0x20, 0x7e],
  [0x7f, 0x9f],
  [0xa0, 0x24f],
  [0x300, 0x36f],
  [0x600, 0x6ff],
  [0x2000, 0x206f],
  [0x4e00, 0x9fff],
  [0xd800, 0xdfff],
  [0xe000, 0xf8ff],
  [0xfe00, 0xfe0f],
  [0xfff0, 0xffff],
  [0x10000, 0x1ffff],
  [0x20000, 0x2ffff],
  [0xe0000, 0xe01ef],
  [0x100000, 0x10ffff],
] as const;

/** Short text that somebody may take for something else. */
export function oddText(random: Random): string {
  const meaning = random.pick(MEANING);
  return random.chance(0.6) ? meaning : `${anyText(random, random.below(8))}${meaning}`;
}

/** So many code points of any kind. */
export function anyText(random: Random, length: number): string {
  const [first, last] = random.pick(RANGES);
  let text = "";
  for (let at = 0; at < length; at++) text += String.fromCodePoint(first + random.below(last - first + 1));
  return text;
}
