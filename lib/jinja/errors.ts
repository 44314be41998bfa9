/** A template does not parse or fails; the message is worded as in Jinja. */
export class JinjaError extends Error {}

/** A template was stopped because it would cost too much; the message completes "it …". */
export class LimitError extends Error {}
