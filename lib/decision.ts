/** One rule by which a file was read differently from what it says, or from what others would read; `inspect` prints them. */
export interface Decision {
  /** What was decided, for example 'pre-tokenizer'. */
  readonly subject: string;
  readonly choice: string;
  readonly reason: string;
  /** Whether results may differ from what the file's author meant, or take far longer: the command line says it with every run. */
  readonly warning?: true;
}
