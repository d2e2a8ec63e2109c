/** Salesforce's REST API as its guide demands it: bearer token, `/services/data/vNN.0/`, errors as a list with `errorCode`. */
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, jsonObject, mediaType, type ServiceStandIn, serviceStandIn } from './service.ts';

type Row = Record<string, any>;

export interface SalesforceStandIn extends ServiceStandIn {
  /** By type, then by id of 18 characters. */
  records: Map<string, Map<string, Row>>;
}

interface Job {
  id: string;
  object: string;
  operation: string;
  state: string;
  csv?: string;
}

const fields: Record<string, string[]> = { Account: ['Id', 'Name', 'Industry'], Contact: ['Id', 'LastName', 'Email'] };
const required: Record<string, string> = { Account: 'Name', Contact: 'LastName' };
const prefixes: Record<string, string> = { Account: '001', Contact: '003' };
const bulkOperations = ['insert', 'update', 'upsert', 'delete', 'hardDelete'];

export function salesforceStandIn({ token, host }: { token: string; host: string }): SalesforceStandIn {
  const records: SalesforceStandIn['records'] = new Map(Object.keys(fields).map((type) => [type, new Map()]));
  const jobs = new Map<string, Job>();
  let count = 0;

  const service = serviceStandIn(
    [host],
    (request, { segments: [services, data, version, ...rest], query, pathname }) => {
      if (request.headers.authorization !== `Bearer ${token}`)
        throw failed(401, 'INVALID_SESSION_ID', 'Session expired or invalid');
      if (services !== 'services' || data !== 'data') throw failed(404, 'NOT_FOUND', pathname);
      if (!/^v\d\d\.0$/.test(version ?? '')) throw failed(404, 'NOT_FOUND', `version ${version}`);
      const path = `/services/data/${version}`;
      if (rest[0] === 'sobjects') return sobjects(request, rest.slice(1), path);
      if (rest[0] === 'jobs' && rest[1] === 'ingest') return ingest(request, rest.slice(2), path);
      const route = [request.method, ...rest].join(' ');
      if (route === 'GET query') return { body: select(query.get('q')) };
      if (route === 'GET limits') return { body: { DailyApiRequests: { Max: 15000, Remaining: 14999 } } };
      if (route === 'POST composite sobjects') return collection(request);
      throw failed(404, 'NOT_FOUND', 'The requested resource does not exist');
    },
  );

  function sobjects(request: SeenRequest, [type, id, ...more]: string[], path: string): StandInAnswer {
    const { method } = request;
    if (type === undefined)
      return { body: { sobjects: Object.keys(fields).map((name) => ({ name, queryable: true })) } };
    const table = tableOf(type);
    if (more.length > 0) throw failed(404, 'NOT_FOUND', 'The requested resource does not exist');
    if (id === 'describe' && method === 'GET')
      return {
        body: { name: type, fields: fields[type]!.map((name) => ({ name, type: name === 'Id' ? 'id' : 'string' })) },
      };
    if (id === undefined && method === 'POST')
      return { status: 201, body: { id: insert(type, bodyOf(request)), success: true, errors: [] } };
    if (id === undefined) throw failed(405, 'METHOD_NOT_ALLOWED', method);
    const row = table.get(id);
    if (!row) throw failed(404, 'NOT_FOUND', 'Provided external ID field does not exist or is not accessible');
    if (method === 'GET') return { body: { attributes: { type, url: `${path}/sobjects/${type}/${id}` }, ...row } };
    if (method === 'PATCH') {
      Object.assign(row, checked(type, bodyOf(request)));
      return { status: 204 };
    }
    if (method !== 'DELETE') throw failed(405, 'METHOD_NOT_ALLOWED', method);
    table.delete(id);
    return { status: 204 };
  }

  function collection(request: SeenRequest): StandInAnswer {
    const { records: list } = bodyOf(request);
    if (!Array.isArray(list) || list.length === 0 || list.length > 200) throw failed(400, 'INVALID_INPUT', 'records');
    const answers = list.map(({ attributes, ...row }: Row) => {
      if (typeof attributes?.type !== 'string') throw failed(400, 'INVALID_FIELD', 'attributes.type is required');
      return { id: insert(attributes.type, row), success: true, errors: [] };
    });
    return { body: answers };
  }

  /** `SELECT a, b FROM Type [WHERE Id = '...'] [LIMIT n]`, no more. */
  function select(soql: string | null): object {
    if (!soql) throw failed(400, 'MALFORMED_QUERY', 'q is required');
    const [, columns, type, id, limit] =
      /^SELECT ([\w, ]+) FROM (\w+)(?: WHERE Id = '(\w+)')?(?: LIMIT (\d+))?$/i.exec(soql.trim()) ?? [];
    if (columns === undefined || type === undefined) throw failed(400, 'MALFORMED_QUERY', soql);
    const names = columns.split(',').map((name) => name.trim());
    const odd = names.find((name) => !fields[type]?.includes(name));
    if (!fields[type]) throw failed(400, 'INVALID_TYPE', `sObject type '${type}' is not supported.`);
    if (odd !== undefined) throw failed(400, 'INVALID_FIELD', `No such column '${odd}' on entity '${type}'.`);
    const rows = [...records.get(type)!.values()]
      .filter((row) => id === undefined || row.Id === id)
      .slice(0, Number(limit ?? 2000));
    const picked = rows.map((row) => ({
      attributes: { type },
      ...Object.fromEntries(names.map((name) => [name, row[name] ?? null])),
    }));
    return { totalSize: picked.length, done: true, records: picked };
  }

  /** Bulk API 2.0: create, upload CSV, close, then results. */
  function ingest(request: SeenRequest, [id, more]: string[], path: string): StandInAnswer {
    if (id === undefined) {
      const { object, operation, contentType = 'CSV' } = bodyOf(request);
      tableOf(object);
      if (request.method !== 'POST' || !bulkOperations.includes(operation) || contentType !== 'CSV')
        throw failed(400, 'INVALIDJOB', `operation ${operation}`);
      const job: Job = { id: `750${String(++count).padStart(15, '0')}`, object, operation, state: 'Open' };
      jobs.set(job.id, job);
      return { body: { ...job, contentType: 'CSV', contentUrl: `${path.slice(1)}/jobs/ingest/${job.id}/batches` } };
    }
    const job = jobs.get(id);
    if (!job) throw failed(404, 'NOT_FOUND', `no job ${id}`);
    const route = [request.method, more].filter(Boolean).join(' ');
    if (route === 'PUT batches') {
      if (job.state !== 'Open' || mediaType(request) !== 'text/csv')
        throw failed(400, 'INVALIDJOBSTATE', `${job.state}, ${mediaType(request)}`);
      job.csv = request.body.toString();
      return { status: 201 };
    }
    if (route === 'PATCH') {
      const { state } = bodyOf(request);
      if (state !== 'UploadComplete' && state !== 'Aborted') throw failed(400, 'INVALIDJOBSTATE', String(state));
      job.state = state === 'Aborted' ? 'Aborted' : runJob(job);
      return { body: job };
    }
    if (route === 'GET')
      return { body: { ...job, numberRecordsProcessed: rowsOf(job).length, numberRecordsFailed: 0 } };
    if (route === 'GET successfulResults')
      return {
        headers: { 'content-type': 'text/csv' },
        body: `"sf__Id","sf__Created"\n${rowsOf(job)
          .map((_row, index) => `"001${index}","true"`)
          .join('\n')}\n`,
      };
    if (route === 'GET failedResults' || route === 'GET unprocessedrecords')
      return { headers: { 'content-type': 'text/csv' }, body: '"sf__Id","sf__Error"\n' };
    throw failed(404, 'NOT_FOUND', route);
  }

  function runJob(job: Job): string {
    if (job.operation === 'insert') for (const row of rowsOf(job)) insert(job.object, row);
    return 'JobComplete';
  }

  function insert(type: string, row: Row): string {
    const needed = required[type];
    tableOf(type);
    if (needed !== undefined && !row[needed])
      throw failed(400, 'REQUIRED_FIELD_MISSING', `Required fields are missing: [${needed}]`);
    const id = `${prefixes[type]}${String(++count).padStart(15, '0')}`;
    records.get(type)!.set(id, { Id: id, ...checked(type, row) });
    return id;
  }

  function tableOf(type: string): Map<string, Row> {
    const table = records.get(type);
    if (!table) throw failed(404, 'NOT_FOUND', `The requested resource ${type} does not exist`);
    return table;
  }

  return { ...service, records };
}

function checked(type: string, row: Row): Row {
  const odd = Object.keys(row).find((name) => !fields[type]!.includes(name) || name === 'Id');
  if (odd !== undefined) throw failed(400, 'INVALID_FIELD', `No such column '${odd}' on sobject of type ${type}`);
  return row;
}

function rowsOf({ csv = '' }: Job): Row[] {
  const [head = [], ...lines] = csv
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(',').map((cell) => cell.replace(/^"|"$/g, '')));
  return lines.map((cells) => Object.fromEntries(head.map((name, index) => [name, cells[index]])));
}

function bodyOf(request: SeenRequest): Row {
  const body = jsonObject(request);
  if (!body) throw failed(400, 'JSON_PARSER_ERROR', 'The HTTP entity body is required, as JSON');
  return body;
}

const failed = (status: number, errorCode: string, message: string) =>
  new Fault(`${status} ${errorCode}: ${message}`, { status, body: [{ message, errorCode }] });
