import type { Scenario } from '../run.ts';
import { aborts } from './aborts.ts';
import { azure } from './azure.ts';
import { broken } from './broken.ts';
import { chat } from './chat.ts';
import { clients } from './clients.ts';
import { helpers } from './helpers.ts';
import { logging } from './logging.ts';
import { media } from './media.ts';
import { mocked } from './mocked.ts';
import { options } from './options.ts';
import { others } from './others.ts';
import { raw } from './raw.ts';
import { responses } from './responses.ts';
import { retries } from './retries.ts';
import { ungoverned } from './ungoverned.ts';

/** Every scenario, by what it is about. */
export const SCENARIOS: Record<string, Record<string, Scenario>> = {
  chat,
  helpers,
  responses,
  'aborts and timeouts': aborts,
  'raw responses': raw,
  'broken answers': broken,
  retries,
  'options of a client and of a request': options,
  logging,
  'clients made of others': clients,
  'images and audio': media,
  'other governed endpoints': others,
  'what is not governed': ungoverned,
  Azure: azure,
  'a mock of the API': mocked,
};
