import { report } from './checks.mjs';

await report((name) => import(name));
