/** Time as the stand-in sees it. */
export interface Clock {
  now(): Date;
  /** Calls once after so many milliseconds; the returned function prevents it. */
  after(milliseconds: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => new Date(),
  after(milliseconds, call) {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};
