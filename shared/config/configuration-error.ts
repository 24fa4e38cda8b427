/** One thing that is wrong with what Belay was told, and how to put it right. No field holds a secret. */
export interface ConfigurationProblem {
  /** The setting's name, or `file:line:column path`. */
  where: string;
  found: string;
  allowed: string;
  /** One sentence: what to do. */
  remedy: string;
}

/** The configuration cannot be used; the message lists every problem, one below the other. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[]) {
    const different = distinct(problems);
    super(describe(different));
    this.problems = different;
  }
}

function describe(problems: readonly ConfigurationProblem[]): string {
  const lines = problems.map(
    ({ where, found, allowed, remedy }) => `  ${where}\n    found ${found}; allowed: ${allowed}\n    ${remedy}`,
  );
  return [
    `${problems.length === 1 ? "1 problem" : `${problems.length} problems`} in the configuration:`,
    ...lines,
  ].join("\n");
}

function distinct(problems: readonly ConfigurationProblem[]): readonly ConfigurationProblem[] {
  const byContent = new Map(
    problems.map((problem) => [`${problem.where}\n${problem.found}\n${problem.allowed}`, problem]),
  );
  return [...byContent.values()];
}
