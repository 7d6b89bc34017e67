package graph

// pending keeps values until their other half arrives, in two generations: when the young one is full the old one is
// forgotten, so memory is bounded and nothing is scanned.
type pending[V any] struct {
	young, old map[string]V
}

func newPending[V any]() pending[V] {
	return pending[V]{young: map[string]V{}, old: map[string]V{}}
}

func (p *pending[V]) put(k string, v V) {
	if len(p.young) >= maxPending/2 {
		p.old, p.young = p.young, make(map[string]V, maxPending/2)
	}
	p.young[k] = v
	delete(p.old, k)
}

func (p *pending[V]) get(k string) (V, bool) {
	if v, ok := p.young[k]; ok {
		return v, true
	}
	v, ok := p.old[k]
	return v, ok
}

func (p *pending[V]) take(k string) (V, bool) {
	v, ok := p.get(k)
	delete(p.young, k)
	delete(p.old, k)
	return v, ok
}
