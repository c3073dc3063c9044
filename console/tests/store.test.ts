import { describe, expect, it, vi } from 'vitest';
import type { Entity } from '../src/api/ngsi';
import { type Change, LiveStore } from '../src/live/store';

const gauge: Entity = {
  id: 'urn:ngsi-ld:RiverGauge:1',
  type: 'RiverGauge',
  waterLevel: { type: 'Property', value: 1.2, observedAt: '2026-04-01T00:00:00Z' },
  note: { type: 'Property', value: '点検中' },
};

function change(seq: number, attrs: Change['attrs'], op: Change['op'] = 'updated', id = gauge.id): Change {
  return { seq, at: '2026-04-01T00:05:00Z', op, id, type: 'RiverGauge', attrs };
}

describe('LiveStore', () => {
  it('merges a change into what is held and leaves the other attributes', () => {
    const store = new LiveStore();
    store.hold(gauge);
    store.apply(change(1, { waterLevel: { type: 'Property', value: 3.4 } }));
    const entity = store.get(gauge.id)?.entity;
    expect(entity?.['waterLevel']).toEqual({ type: 'Property', value: 3.4 });
    expect(entity?.['note']).toEqual(gauge['note']);
    expect(gauge['waterLevel']).toMatchObject({ value: 1.2 });
  });

  it('removes an attribute whose change is null', () => {
    const store = new LiveStore();
    store.hold(gauge);
    store.apply(change(1, { note: null }));
    expect(store.get(gauge.id)?.entity).not.toHaveProperty('note');
  });

  it('passes over a change that was seen before', () => {
    const store = new LiveStore();
    store.hold(gauge);
    store.apply(change(5, { waterLevel: { type: 'Property', value: 2 } }));
    store.apply(change(4, { waterLevel: { type: 'Property', value: 9 } }));
    store.apply(change(5, { waterLevel: { type: 'Property', value: 9 } }));
    expect(store.get(gauge.id)?.entity['waterLevel']).toMatchObject({ value: 2 });
    expect(store.seq).toBe(5);
  });

  it('keeps what was last known of an entity that is deleted, marked as gone', () => {
    const store = new LiveStore();
    store.hold(gauge);
    store.apply(change(1, {}, 'deleted'));
    expect(store.get(gauge.id)).toMatchObject({ gone: true, entity: gauge });
  });

  it('forgets an entity when the last who held it lets go', () => {
    const store = new LiveStore();
    const [first, second] = [store.hold(gauge), store.hold(gauge)];
    first();
    expect(store.get(gauge.id)).toBeDefined();
    second();
    expect(store.get(gauge.id)).toBeUndefined();
  });

  it('hands over changes gathered, and those of entities that nobody holds too', () => {
    vi.useFakeTimers();
    const store = new LiveStore(500);
    const batches: number[][] = [];
    store.onChanges((changes) => batches.push(changes.map(({ seq }) => seq)));
    store.apply(change(1, {}));
    store.apply(change(2, {}, 'created', 'urn:ngsi-ld:RiverGauge:2'));
    expect(batches).toEqual([]);
    vi.advanceTimersByTime(500);
    store.apply(change(3, {}));
    vi.advanceTimersByTime(500);
    expect(batches).toEqual([[1, 2], [3]]);
    vi.useRealTimers();
  });

  it('takes changes again after a reset to an older number, and makes the views read again', () => {
    const store = new LiveStore();
    store.hold(gauge);
    store.begin(100);
    store.reset(3);
    expect(store.epoch).toBe(1);
    store.apply(change(4, { waterLevel: { type: 'Property', value: 7 } }));
    expect(store.get(gauge.id)?.entity['waterLevel']).toMatchObject({ value: 7 });
  });
});
