// `import` of the package: the names of the CommonJS build, so that state exists once.
export * from './index.js';
