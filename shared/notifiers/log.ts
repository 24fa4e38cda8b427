import type { Notifier } from "../ports/notifier.ts";
import type { Log } from "../ports/telemetry.ts";

/** Tells the log, and with it Application Insights. */
export function createLogNotifier(log: Log): Notifier {
  return {
    notify: async ({ id, title, lines, data }) =>
      log("info", "notification.told", { id, title, text: lines.join(" "), ...data }),
  };
}
