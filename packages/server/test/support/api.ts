/** The API as a plain HTTP client sees it: every field and every status. @module */

/** An answer of the API. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The parsed body; `null` where there is none. */
  readonly body: unknown
}

/** An attempt as the API shows it. */
export interface ShownAttempt {
  readonly id: string
  readonly msgId: string
  readonly endpointId: string
  readonly statusText: string
  readonly responseStatusCode: number
  readonly response: string
  readonly responseDurationMs: number
  readonly failure: string | null
  readonly timestamp: string
}

/** An endpoint with what became of a message there. */
export interface ShownDelivery {
  readonly id: string
  readonly disabled: boolean
  readonly status: number
  readonly statusText: string
  readonly nextAttempt: string | null
}

/** Calls the API with one token. */
export interface Api {
  readonly url: string
  /** @param body - A string is sent as it is; anything else as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  /** As {@link Api.call}, and throws where the answer is not 2xx. */
  ask<T = { readonly id: string }>(method: string, path: string, body?: unknown): Promise<T>
  /** Makes an application; returns its id. */
  makeApplication(fields?: object): Promise<string>
  /** Makes an endpoint; returns its id. */
  makeEndpoint(application: string, url: string, fields?: object): Promise<string>
  secretOf(application: string, endpoint: string): Promise<string>
  /** Sends a message; returns its id. */
  send(application: string, fields?: object): Promise<string>
  /** All attempts of a message, oldest first. */
  attemptsOf(application: string, message: string): Promise<ShownAttempt[]>
  /** Where a message went or goes. */
  deliveriesOf(application: string, message: string): Promise<ShownDelivery[]>
}

/** @param token - `null` for none. */
export function apiOf(url: string, token: string | null): Api {
  const call: Api['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: parse(text) }
  }
  const ask: Api['ask'] = async <T>(method: string, path: string, body?: unknown) => {
    const reply = await call(method, path, body)
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`)
    return reply.body as T
  }
  const list = async <Item>(path: string) =>
    (await ask<{ data: Item[] }>('GET', `${path}?limit=250&order=ascending`)).data

  return {
    url,
    call,
    ask,
    makeApplication: async (fields = {}) => (await ask('POST', '/app', { name: 'Test', ...fields })).id,
    makeEndpoint: async (application, to, fields = {}) =>
      (await ask('POST', `/app/${application}/endpoint`, { url: to, ...fields })).id,
    secretOf: async (application, endpoint) =>
      (await ask<{ key: string }>('GET', `/app/${application}/endpoint/${endpoint}/secret`)).key,
    send: async (application, fields = {}) =>
      (await ask('POST', `/app/${application}/msg`, { eventType: 'test.event', payload: {}, ...fields })).id,
    attemptsOf: (application, message) => list(`/app/${application}/attempt/msg/${message}`),
    deliveriesOf: (application, message) => list(`/app/${application}/msg/${message}/endpoint`),
  }
}

function parse(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return { notJson: text }
  }
}
