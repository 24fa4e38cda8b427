const PATTERN = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,7}))?$/;

/** Milliseconds of a .NET TimeSpan text (`[d.]hh:mm:ss[.fffffff]`), or undefined if it is none. */
export function fromTimeSpan(text: string): number | undefined {
  const [, days = "0", hours = "0", minutes = "0", seconds = "0", fraction = "0"] = PATTERN.exec(text) ?? [];
  if (!PATTERN.test(text) || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const whole = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return whole * 1000 + Math.round(Number(`0.${fraction}`) * 1000);
}
