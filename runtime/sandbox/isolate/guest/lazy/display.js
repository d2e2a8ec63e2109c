// display(value, mime?): shows something richer than text. Binary data travels as base64.
const { lazy, post } = cordon;
const { stringify } = cordon.primordials;

const methods = {
  _repr_html_: 'text/html',
  _repr_svg_: 'image/svg+xml',
  _repr_png_: 'image/png',
  _repr_jpeg_: 'image/jpeg',
  _repr_markdown_: 'text/markdown',
  _repr_latex_: 'text/latex',
  _repr_json_: 'application/json',
};

function send(mime, data) {
  post(`{"t":"display","mime":${stringify(mime)},"data":${stringify(data)}}`);
}

function asData(value, mime) {
  if (typeof value === 'string') return value;
  const bytes = lazy('result').bytesOf(value);
  if (bytes !== undefined) return lazy('result').base64(bytes);
  if (/json$/.test(mime)) return JSON.stringify(value) ?? 'null';
  return lazy('inspect').inspect(value);
}

/** The value's own representation if it has one; a string is text/plain, bytes application/octet-stream, the rest JSON. */
export function display(value, mime) {
  if (mime !== undefined) {
    if (typeof mime !== 'string' || !/^[\w.+-]+\/[\w.+-]+(;.*)?$/.test(mime))
      throw new TypeError('display: the second argument is a MIME type such as "text/html"');
    send(mime, asData(value, mime));
    return;
  }
  if (value !== null && (typeof value === 'object' || typeof value === 'function')) {
    for (const name of Object.keys(methods)) {
      if (typeof value[name] !== 'function') continue;
      const shown = value[name]();
      if (shown !== undefined && shown !== null) {
        send(methods[name], asData(shown, methods[name]));
        return;
      }
    }
    if (lazy('result').bytesOf(value) !== undefined) {
      send('application/octet-stream', asData(value, ''));
      return;
    }
    let text;
    try {
      text = JSON.stringify(value);
    } catch {}
    if (text !== undefined && typeof value !== 'function' && !(value instanceof Error)) send('application/json', text);
    else send('text/plain', lazy('inspect').inspect(value));
    return;
  }
  send('text/plain', typeof value === 'string' ? value : lazy('inspect').inspect(value));
}
