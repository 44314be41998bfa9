/** A template cannot be read, or fails while it runs; the message is in Jinja's own words. */
export class JinjaError extends Error {}

/** A template was stopped because it would cost too much; the message completes "it …". */
export class LimitError extends Error {}
