/** Pinecone's APIs as their reference demands them: Api-Key, X-Pinecone-Api-Version, one host for indexes and one of each index. */
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, jsonObject, type ServiceStandIn, serviceStandIn, type Target } from './service.ts';

type Fields = Record<string, any>;

export interface PineconeOptions {
  token: string;
  index: string;
  /** Of the index. */
  host: string;
  dimension: number;
}

export interface PineconeStandIn extends ServiceStandIn {
  /** Vectors by namespace, then by id. */
  namespaces: Map<string, Map<string, Fields>>;
  /** By namespace, then by id. */
  documents: Map<string, Map<string, Fields>>;
}

export function pineconeStandIn({ token, index, host, dimension }: PineconeOptions): PineconeStandIn {
  const namespaces: PineconeStandIn['namespaces'] = new Map();
  const documents: PineconeStandIn['documents'] = new Map();

  const service = serviceStandIn(['api.pinecone.io', host], (request, target) => {
    const { headers } = request;
    if (headers['api-key'] !== token) throw failed(401, 'UNAUTHENTICATED', 'Invalid API key.');
    if (!/^20\d\d-\d\d(\.\w+)?$|^unstable$/.test(headers['x-pinecone-api-version'] ?? ''))
      throw failed(400, 'INVALID_ARGUMENT', 'X-Pinecone-Api-Version');
    return headers.host === host ? data(request, target) : control(request, target);
  });

  function control({ method }: SeenRequest, { segments: [kind, name] }: Target): StandInAnswer {
    if (kind !== 'indexes') throw failed(404, 'NOT_FOUND', `no ${kind}`);
    if (method === 'GET' && name === undefined) return { body: { indexes: [model] } };
    if (name !== index) throw failed(404, 'NOT_FOUND', `Resource ${name} not found`);
    if (method === 'GET') return { body: model };
    if (method === 'DELETE') return { status: 202 };
    throw failed(405, 'UNIMPLEMENTED', method);
  }

  function data(request: SeenRequest, { pathname, segments, query }: Target): StandInAnswer {
    const route = `${request.method} ${pathname}`;
    const inQuery = namespaces.get(query.get('namespace') ?? '') ?? new Map<string, Fields>();
    const namespace = query.get('namespace') ?? '';
    const usage = { readUnits: 1 };
    if (route === 'POST /vectors/upsert') return upsert(bodyOf(request));
    if (route === 'POST /query') return search(bodyOf(request));
    if (route === 'GET /vectors/fetch') {
      const ids = query.getAll('ids');
      if (ids.length === 0) throw failed(400, 'INVALID_ARGUMENT', 'ids are required');
      const found = ids.filter((id) => inQuery.has(id)).map((id) => [id, inQuery.get(id)]);
      return { body: { vectors: Object.fromEntries(found), namespace, usage } };
    }
    if (route === 'GET /vectors/list') {
      const ids = [...inQuery.keys()].filter((id) => id.startsWith(query.get('prefix') ?? ''));
      return { body: { vectors: ids.map((id) => ({ id })), namespace, usage } };
    }
    if (route === 'POST /describe_index_stats') {
      const counts = [...namespaces].map(([name, vectors]) => [name, { vectorCount: vectors.size }]);
      const totalVectorCount = [...namespaces.values()].reduce((sum, { size }) => sum + size, 0);
      return { body: { dimension, indexFullness: 0, totalVectorCount, namespaces: Object.fromEntries(counts) } };
    }
    const [kind, name, what, action] = segments;
    if (request.method === 'POST' && kind === 'namespaces' && what === 'documents' && name)
      return ofDocuments(name, action, bodyOf(request));
    throw failed(404, 'NOT_FOUND', route);
  }

  function ofDocuments(namespace: string, action: string | undefined, body: Fields): StandInAnswer {
    const all = documents.get(namespace) ?? new Map<string, Fields>();
    documents.set(namespace, all);
    if (action === 'upsert') {
      if (!Array.isArray(body.documents) || body.documents.length === 0)
        throw failed(400, 'INVALID_ARGUMENT', 'documents');
      for (const document of body.documents) {
        if (typeof document._id !== 'string') throw failed(400, 'INVALID_ARGUMENT', '_id');
        all.set(document._id, document);
      }
      return { status: 202, body: { upserted_count: body.documents.length } };
    }
    if (action !== 'search') throw failed(404, 'NOT_FOUND', String(action));
    const { score_by: scoreBy, top_k: topK, include_fields: fields = [] } = body;
    const [by] = Array.isArray(scoreBy) ? scoreBy : [];
    if (by?.type !== 'text' || typeof by.query !== 'string' || !Array.isArray(by.fields))
      throw failed(400, 'INVALID_ARGUMENT', 'score_by');
    if (!Number.isInteger(topK) || topK < 1) throw failed(400, 'INVALID_ARGUMENT', 'top_k');
    const holds = (one: Fields) => by.fields.some((field: string) => new RegExp(by.query, 'i').test(one[field] ?? ''));
    const shown = (one: Fields) => Object.fromEntries(fields.map((field: string) => [field, one[field]]));
    const found = [...all.values()].filter(holds).slice(0, topK);
    const matches = found.map((one) => ({ _id: one._id, _score: 1, ...shown(one) }));
    return { body: { matches, namespace, usage: { read_units: 1 } } };
  }

  function upsert({ vectors, namespace = '' }: Fields): StandInAnswer {
    if (!Array.isArray(vectors) || vectors.length === 0) throw failed(400, 'INVALID_ARGUMENT', 'vectors');
    const all = namespaces.get(namespace) ?? new Map<string, Fields>();
    for (const vector of vectors) {
      if (typeof vector.id !== 'string' || vector.id === '') throw failed(400, 'INVALID_ARGUMENT', 'id');
      checkDimension(vector.values);
      all.set(vector.id, vector);
    }
    namespaces.set(namespace, all);
    return { body: { upsertedCount: vectors.length } };
  }

  function search({ vector, topK, namespace = '', includeMetadata = false }: Fields): StandInAnswer {
    if (!Number.isInteger(topK) || topK < 1 || topK > 10_000) throw failed(400, 'INVALID_ARGUMENT', 'topK');
    checkDimension(vector);
    const product = (values: number[]) => values.reduce((sum, value, at) => sum + value * vector[at], 0);
    const matches = [...(namespaces.get(namespace)?.values() ?? [])]
      .map(({ id, values, metadata }) => ({ id, score: product(values), ...(includeMetadata ? { metadata } : {}) }))
      .toSorted((a, b) => b.score - a.score)
      .slice(0, topK);
    return { body: { matches, namespace, usage: { readUnits: 1 } } };
  }

  function checkDimension(values: unknown): void {
    const is = Array.isArray(values) && values.every((value) => typeof value === 'number');
    if (is && values.length === dimension) return;
    throw failed(400, 'INVALID_ARGUMENT', `the dimension of the vector is not that of the index (${dimension})`);
  }

  const model = {
    name: index,
    dimension,
    metric: 'cosine',
    host,
    vector_type: 'dense',
    deletion_protection: 'disabled',
    spec: { serverless: { cloud: 'aws', region: 'us-east-1' } },
    status: { ready: true, state: 'Ready' },
  };
  return { ...service, namespaces, documents };
}

function bodyOf(request: SeenRequest): Fields {
  // POST /describe_index_stats may come without any.
  if (request.body.length === 0) return {};
  const body = jsonObject(request);
  if (!body) throw failed(400, 'INVALID_ARGUMENT', 'the body is not a JSON object');
  return body;
}

const failed = (status: number, code: string, message: string) =>
  new Fault(`${status} ${code}: ${message}`, { status, body: { error: { code, message }, status } });
