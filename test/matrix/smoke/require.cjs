void import('./checks.mjs').then(({ report }) => report((name) => require(name)));
