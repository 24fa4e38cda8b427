/** Now, as the API writes it: RFC 3339 with whole seconds. */
export function timestamp(milliseconds = Date.now()): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** How long ago, as kubectl's AGE column says it: `5s`, `2m10s`, `3h`, `4d`. */
export function age(since: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
