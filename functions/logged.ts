import type { InvocationContext } from "@azure/functions";
import { withLogSink } from "../shared/composition.ts";

/** What is logged while the handler runs belongs to its invocation. */
export function logged<I, O>(handler: (input: I, context: InvocationContext) => Promise<O>) {
  return (input: I, context: InvocationContext): Promise<O> => {
    const sink = {
      debug: (line: string) => context.debug(line),
      info: (line: string) => context.info(line),
      warn: (line: string) => context.warn(line),
      error: (line: string) => context.error(line),
    };
    return withLogSink(sink, () => handler(input, context));
  };
}
