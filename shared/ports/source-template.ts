/** The serving files an image is built from, without the model. */
export interface SourceTemplate {
  /** SHA-256 over every file's path and content. */
  hash: string;
  files: readonly { path: string; content: Uint8Array }[];
}
