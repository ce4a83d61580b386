import { anyAnswer, anyCutStream, anyError, anyStream } from './answer-properties.ts';
import type { Property } from './holding.ts';
import { anyRequest } from './request-property.ts';

/** What holds whatever an upstream answers and an app asks for: tried by `fuzz.test.ts` a few times, by `fuzz.ts` many. */
export const PROPERTIES: Readonly<Record<string, Property>> = {
  'any answer in JSON': anyAnswer,
  'any answer with an error': anyError,
  'any stream': anyStream,
  'any stream that is cut': anyCutStream,
  'any request': anyRequest,
};
