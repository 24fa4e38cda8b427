/** The worker's own clock, epoch milliseconds; decisions about state go by the table's. */
export interface Clock {
  now(): number;
}
