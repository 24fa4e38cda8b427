const DURATION = /^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

const MILLISECONDS = [86_400_000, 3_600_000, 60_000, 1_000] as const;

/** The milliseconds of an ISO 8601 duration in days and below (`PT5M`, `P14D`); throws on anything else, years and months included. */
export function parseDuration(text: string): number {
  const parts = DURATION.exec(text)?.slice(1);
  if (parts?.every((part) => part === undefined) ?? true) {
    throw new RangeError(`'${text}' is not an ISO 8601 duration of days, hours, minutes and seconds`);
  }
  return MILLISECONDS.reduce((sum, unit, index) => sum + unit * Number(parts?.[index] ?? 0), 0);
}
