const LONGEST_LINE = 16 * 1024;

/** The last lines a container instance wrote; a line is cut after 16 KiB, as container runtimes do. */
export type LogRing = {
  /** A writer for one stream, so that half lines of stdout and stderr do not mix. */
  writer(): (chunk: string) => void;
  /** The last `count` lines, or all that are kept, each ending in a newline. */
  tail(count?: number): string;
};

export function createLogRing(capacity = 500): LogRing {
  const lines: string[] = [];
  const partial: { text: string }[] = [];
  const keep = (line: string) => {
    lines.push(line);
    if (lines.length > capacity) lines.shift();
  };
  return {
    writer() {
      const rest = { text: "" };
      partial.push(rest);
      return (chunk) => {
        const pieces = (rest.text + chunk).split("\n");
        rest.text = pieces.pop() ?? "";
        pieces.forEach(keep);
        while (rest.text.length >= LONGEST_LINE) {
          keep(rest.text.slice(0, LONGEST_LINE));
          rest.text = rest.text.slice(LONGEST_LINE);
        }
      };
    },
    tail(count = capacity) {
      const all = [...lines, ...partial.map(({ text }) => text).filter((text) => text !== "")];
      return all
        .slice(Math.max(0, all.length - count))
        .map((line) => `${line}\n`)
        .join("");
    },
  };
}
