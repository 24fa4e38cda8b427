/** The comparisons of an OData filter; throws where it is anything but comparisons with text, joined by `and`. */
export function literalsOf(filter: string): readonly [property: string, operator: string, literal: string][] {
  const found: [string, string, string][] = [];
  let at = 0;
  for (;;) {
    const head = /^(\w+) (eq|ne|gt|ge|lt|le) '/.exec(filter.slice(at, at + 40));
    if (head === null) throw new Error(`No comparison at ${at}: ${filter.slice(at, at + 40)}`);
    const from = at + head[0].length;
    const end = endOfLiteral(filter, from);
    found.push([head[1] ?? "", head[2] ?? "", filter.slice(from, end).replaceAll("''", "'")]);
    at = end + 1;
    if (at === filter.length) return found;
    if (!filter.startsWith(" and ", at)) throw new Error(`No "and" at ${at}: ${filter.slice(at, at + 40)}`);
    at += " and ".length;
  }
}

/** Where a literal's closing quote stands: the first that is not doubled. */
function endOfLiteral(filter: string, from: number): number {
  for (let at = from; at < filter.length; at++) {
    if (filter[at] !== "'") continue;
    if (filter[at + 1] !== "'") return at;
    at += 1;
  }
  throw new Error("A literal without an end");
}
