import { speech, transcriptions, translations } from './audio.ts';
import { chat } from './chat.ts';
import { completions } from './completions.ts';
import { embeddings } from './embeddings.ts';
import type { Endpoint } from './endpoint.ts';
import { imageEdits, imageGenerations, imageVariations } from './images.ts';
import { moderations } from './moderations.ts';
import { compactions, responses } from './responses.ts';

/** Every governed endpoint. A path that ends another's comes after it. */
export const ENDPOINTS: readonly Endpoint[] = [
  chat,
  responses,
  compactions,
  embeddings,
  completions,
  imageGenerations,
  imageEdits,
  imageVariations,
  transcriptions,
  translations,
  speech,
  moderations,
];

/** A governed request, as its URL tells. */
export interface Route {
  readonly endpoint: Endpoint;
  /** Azure's deployment, where the path names one. */
  readonly deployment: string | undefined;
}

/** What the SDK asks for in nearly every call: the bare path. */
const BARE = new Map<string, Route>(
  ENDPOINTS.map((endpoint) => [endpoint.path, { endpoint, deployment: undefined }]),
);

/** The endpoint that a request goes to, or undefined if it is none of the governed. `target` is a path or a URL. */
export function routeOf(method: string, target: string): Route | undefined {
  if (method !== 'post' && method.toUpperCase() !== 'POST') return undefined;
  return BARE.get(target) ?? parseRoute(target);
}

function parseRoute(target: string): Route | undefined {
  const path = target.replace(/[?#].*$/s, '').replace(/(?<!\/)\/+$/, '');
  const endpoint = ENDPOINTS.find((known) => path.endsWith(known.path));
  if (endpoint === undefined) return undefined;
  const deployment = /\/deployments\/([^/]+)\//.exec(path)?.[1];
  return { endpoint, deployment: deployment === undefined ? undefined : decode(deployment) };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Not percent-encoded by anyone's rules: the name is what stands there.
    return segment;
  }
}
