import { baseModel } from './model.ts';
import type { Reader } from './reader.ts';

/** In which form a family of models is shown a prompt: tokens that are not in the request. All seen in recordings. */
export interface Form {
  /** Those that prime the reply. */
  readonly reply: number;
  /** Of an assistant's message, beyond those of any message: its channel, in models that have channels. */
  readonly assistant: number;
  /** Of a tool call and its result in `/chat/completions`, beyond those that all families have. */
  readonly chatCall: number;
  /** The same in `/responses`. */
  readonly responsesCall: number;
  /** Around the namespace of the functions in `/chat/completions`, where it is part of the system message. */
  readonly chatTools: number;
  /** Around that namespace in `/responses`, where it is a message of its own. */
  readonly responsesTools: number;
  /** Around a schema in `/responses`, beyond those around it in `/chat/completions`. */
  readonly responsesSchema: number;
  /** What `parallel_tool_calls: false` adds in `/responses`: an instruction. */
  readonly oneCallOnly: number;
  /** A choice of one function is written into the prompt: the reply begins as a call of it. */
  readonly startsCall: boolean;
}

/** gpt-3.5, gpt-4, gpt-4o, gpt-4.1, and every name that is not known. */
const CHAT: Form = {
  reply: 3,
  assistant: 0,
  chatCall: 0,
  responsesCall: -2,
  chatTools: 5,
  responsesTools: 3,
  responsesSchema: 1,
  oneCallOnly: 0,
  startsCall: true,
};
const O_SERIES: Form = { ...CHAT, reply: 2, chatTools: 6 };
const GPT_5: Form = {
  reply: 2,
  assistant: 2,
  chatCall: 6,
  responsesCall: 8,
  chatTools: 90,
  responsesTools: 9,
  responsesSchema: 0,
  oneCallOnly: 78,
  startsCall: false,
};
/** Models that search before they answer report the tokens of the texts alone: 7 less for a message. */
const SEARCH: Form = { ...CHAT, reply: -4 };

/** The first that matches; gpt-5 and later with their chat variants, gpt-35 being Azure's spelling of 3.5. */
const FORMS: readonly (readonly [family: RegExp, form: Form])[] = [
  [/-search-preview/, SEARCH],
  [/^o1-(mini|preview)/, CHAT],
  [/^o\d+(-|$)/, O_SERIES],
  [/^gpt-([5-9]|[12]\d)(?!\d)/, GPT_5],
];

const known = new WeakMap<Reader, Form>();

export function formOf(model: Reader): Form {
  let form = known.get(model);
  if (form === undefined) {
    form = find(model.name);
    known.set(model, form);
  }
  return form;
}

function find(name: string): Form {
  const base = baseModel(name);
  return FORMS.find(([family]) => family.test(base))?.[1] ?? CHAT;
}
