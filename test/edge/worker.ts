import { Budget, GovernedOpenAI, governFetch, QuotaExceeded } from 'governed-openai';

/** What a Worker is: a module whose `fetch` answers requests. Here, the API's own, under a budget in memory. */

interface Env {
  readonly OPENAI_API_KEY: string;
  readonly baseURL: string;
}

const budget = new Budget({
  limits: [
    { tokens: 100, per: 'forever' },
    { requests: 2, per: 'year', timeZone: 'Europe/Berlin' },
    { cost: 1_000, per: 'minute' },
  ],
});

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    const user = request.headers.get('x-user') ?? 'nobody';
    if (pathname === '/usage') return Response.json(await budget.usage(user));
    if (pathname === '/stream') return Response.json(await streamed(env, user));
    if (pathname === '/fetch') {
      const governed = governFetch(fetch, budget, { key: user });
      const response = await governed(`${env.baseURL}/chat/completions`, {
        method: 'POST',
        body: await request.text(),
      });
      // A Worker that hands on the response itself reads its body past everybody, and the estimate stands.
      return new Response(response.body, response);
    }
    try {
      return Response.json(await client(env, user).chat.completions.create(await request.json()));
    } catch (error) {
      if (!(error instanceof QuotaExceeded)) throw error;
      return Response.json({ error: error.error }, { status: 429, headers: error.headers });
    }
  },
};

function client({ OPENAI_API_KEY, baseURL }: Env, user: string): GovernedOpenAI {
  return new GovernedOpenAI({ apiKey: OPENAI_API_KEY, baseURL, budget, caller: { key: user } });
}

async function streamed(env: Env, user: string): Promise<string[]> {
  const stream = await client(env, user).chat.completions.create({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Hello' }],
    stream: true,
    max_tokens: 20,
  });
  const pieces: string[] = [];
  for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? '');
  return pieces;
}
