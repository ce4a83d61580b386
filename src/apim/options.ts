import { checkKey, fieldsOf } from '../checks.ts';
import { BudgetOptionError } from '../errors.ts';
import { type Place, PolicyImportError, quoted } from '../import/errors.ts';

/** How a policy is imported. */
export interface ApimOptions {
  /** Names of elements to pass over, with all that is in them, e.g. `set-backend-service`. Default: none. */
  readonly ignore?: readonly string[] | undefined;
  /** Id or name of the API that the client calls, for `rate-limit` and `quota` policies with limits of single APIs. */
  readonly api?: string | undefined;
  /**
   * When the first period of `quota` policies starts: the gateway counts their periods from the start of each
   * subscription, which the policy does not hold. Default: 0001-01-01T00:00:00Z, as for `quota-by-key`.
   */
  readonly quotaStartsAt?: Date | string | number | undefined;
}

const OPTIONS = Object.keys({ ignore: 0, api: 0, quotaStartsAt: 0 } satisfies Record<keyof ApimOptions, 0>);

/** @throws BudgetOptionError */
export function checkOptions(value: unknown): ApimOptions {
  const given = fieldsOf('options', value, OPTIONS);
  const { ignore, api, quotaStartsAt } = given;
  if (ignore !== undefined) {
    if (!Array.isArray(ignore))
      throw new BudgetOptionError('options.ignore', 'an array of names of elements', ignore);
    for (const name of ignore) checkKey('options.ignore', name);
  }
  if (api !== undefined) checkKey('options.api', api);
  const isMoment =
    quotaStartsAt instanceof Date || typeof quotaStartsAt === 'string' || typeof quotaStartsAt === 'number';
  if (quotaStartsAt !== undefined && !(isMoment && !Number.isNaN(new Date(quotaStartsAt).getTime()))) {
    const expected = 'a Date, an ISO 8601 string or Unix milliseconds';
    throw new BudgetOptionError('options.quotaStartsAt', expected, quotaStartsAt);
  }
  return given as ApimOptions;
}

/** Operations, as the descriptions of the API name them that are imported into a gateway: OpenAI's own and Azure's. */
const OPERATIONS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '/chat/completions': ['createChatCompletion', 'ChatCompletions_Create'],
    '/completions': ['createCompletion', 'Completions_Create'],
    '/responses': ['createResponse'],
    '/embeddings': ['createEmbedding', 'embeddings_create'],
    '/images/generations': ['createImage', 'ImageGenerations_Create'],
    '/images/edits': ['createImageEdit'],
    '/images/variations': ['createImageVariation'],
    '/audio/transcriptions': ['createTranscription', 'Transcriptions_Create'],
    '/audio/translations': ['createTranslation', 'Translations_Create'],
    '/audio/speech': ['createSpeech'],
    '/moderations': ['createModeration'],
  }).flatMap(([endpoint, names]) => names.map((name) => [name.toLowerCase(), endpoint] as const)),
);

/** @throws PolicyImportError for an operation that is none of the governed */
export function endpointsOf(operation: string, place: Place): readonly string[] {
  const endpoint = OPERATIONS.get(operation.toLowerCase());
  if (endpoint === undefined)
    throw new PolicyImportError(place, `no endpoint is known for the operation ${quoted(operation)}`);
  return [endpoint];
}
