/** First four bytes of what a download may leave in place of any model, and what to do about it. */
export const otherFormats: ReadonlyMap<string, string> = new Map([
  ['vers', 'this is a Git LFS pointer, run "git lfs pull" to get the model itself'],
  ['<!DO', 'this is a web page, download the model itself'],
  ['<htm', 'this is a web page, download the model itself'],
]);
