// Headers, Blob, File, FormData, Request, Response, fetch: https://fetch.spec.whatwg.org; streams come with streams.js.
export { Blob, File } from '../web/blob.js';
export { fetch, Request, Response } from '../web/fetch.js';
export { FormData } from '../web/form-data.js';
export { Headers } from '../web/headers.js';
