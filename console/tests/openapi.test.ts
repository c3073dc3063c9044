import { describe, expect, it } from 'vitest';
import { curlOf, headersOf, isAbout, type OpenApi, operationsOf, targetOf } from '../src/api/openapi';

const answers = { '204': { description: 'Done' } };
const document: OpenApi = {
  tags: [{ name: 'entities', description: 'Entities' }],
  paths: {
    '/entities/{entityId}': {
      patch: {
        tags: ['entities'], operationId: 'merge', summary: '重ね合わせる', description: 'Merge.', responses: answers,
        parameters: [
          { name: 'entityId', in: 'path', required: true, description: '', schema: {} },
          { name: 'NGSILD-Tenant', in: 'header', description: '', schema: {} },
          { name: 'type', in: 'query', description: '', schema: {} },
        ],
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Fragment' } } } },
      },
      get: { tags: ['other'], operationId: 'get', summary: 'Get', description: '', parameters: [], responses: answers },
    },
    '/stream': {
      get: {
        tags: ['entities'], operationId: 'stream', summary: 'Stream', description: '', parameters: [],
        responses: { '200': { description: '', content: { 'text/event-stream': { schema: {} } } } },
      },
    },
  },
  components: { schemas: { Fragment: { examples: [{ name: '港町' }] } } },
};
const [merge, stream] = operationsOf(document, 'entities');

describe('operations', () => {
  it('are those of a tag, with the example that their schema refers to', () => {
    expect(operationsOf(document, 'entities').map(({ operationId }) => operationId)).toEqual(['merge', 'stream']);
    expect(JSON.parse(merge!.body!)).toEqual({ name: '港町' });
    expect([merge!.endless, stream!.endless]).toEqual([false, true]);
    expect(stream!.body).toBeNull();
  });

  it('are found by any of their words', () => {
    expect(isAbout(merge!, 'patch 重ね')).toBe(true);
    expect(isAbout(merge!, '')).toBe(true);
    expect(isAbout(merge!, 'delete')).toBe(false);
  });
});

describe('requests', () => {
  const filled = { entityId: 'urn:ngsi-ld:川/1', 'NGSILD-Tenant': 'sandbox', type: '' };

  it('escape what is filled in and leave out what is not', () => {
    expect(targetOf(merge!, filled)).toBe('/entities/urn%3Angsi-ld%3A%E5%B7%9D%2F1');
    expect(targetOf(merge!, {})).toBe('/entities/%7BentityId%7D');
    expect(targetOf(merge!, { ...filled, type: 'A,B' })).toMatch(/\?type=A%2CB$/);
  });

  it('say what the body is', () => {
    expect(headersOf(merge!, filled, '{}')).toEqual({ 'NGSILD-Tenant': 'sandbox', 'Content-Type': 'application/json' });
    expect(headersOf(merge!, filled, '{"@context": []}')['Content-Type']).toBe('application/ld+json');
    expect(headersOf(merge!, filled, null)).toEqual({ 'NGSILD-Tenant': 'sandbox' });
  });

  it('can be written for a terminal, quotes and all', () => {
    const command = curlOf('http://a', merge!, filled, `{"name": "it's"}`, { locked: true });
    expect(command).toContain(`-d '{"name": "it'\\''s"}'`);
    expect(command).toContain('-X PATCH');
    expect(command).toContain('"Authorization: Bearer $TOKEN"');
    expect(curlOf('http://a', stream!, {}, null)).toBe(`curl -N 'http://a/stream'`);
  });
});
