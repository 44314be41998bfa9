/*
 * Jinja templates as Python's jinja2 renders them in the sandbox of transformers, with limits. It
 * knows nothing of chats.
 */
export { Budget } from './budget.js';
export { JinjaError, LimitError } from './errors.js';
export { parse, type Template } from './parser.js';
export { render } from './render.js';
