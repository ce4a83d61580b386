import { VERSION } from 'openai/version';

/** The major version of the SDK that the scenarios run on. */
export const MAJOR = Number.parseInt(VERSION, 10);
