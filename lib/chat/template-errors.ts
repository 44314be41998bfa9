/** A template was stopped because it would cost too much; the message completes "it …". */
export class LimitError extends Error {}

/** A template refused the messages by `raise_exception`. */
export class RefusedError extends Error {}
