/** Reads text/event-stream (HTML standard, "Server-sent events"). */

/**
 * The data of each event of the type `message`. Comments, ids and times to retry are passed over; an event that its end
 * cut off is none. Throws what `body` throws, and TypeError for what is no UTF-8.
 */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let data: string[] = [];
  let type = '';
  for await (const line of lines(body)) {
    if (line === '') {
      if (data.length > 0 && (type === '' || type === 'message')) yield data.join('\n');
      data = [];
      type = '';
      continue;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') data.push(value);
    else if (name === 'event') type = value;
  }
}

/** Without their ends: CR, LF or both. What follows the last end is left out. */
async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  // In pieces, so that a long line in many small chunks is not copied for each.
  let pieces: string[] = [];
  let endedWithCr = false;
  for await (const chunk of body) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    if (endedWithCr && text.startsWith('\n')) text = text.slice(1);
    endedWithCr = text.endsWith('\r');
    const [first = '', ...rest] = text.split(/\r\n|\r|\n/);
    pieces.push(first);
    for (const next of rest) {
      yield pieces.join('');
      pieces = [next];
    }
  }
}
