package storetest

import (
	"context"
	"encoding/json"
	"fmt"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/event"
)

func fact(kind string, n int) event.Event {
	return event.Event{Kind: kind, At: at(n), Actor: "a", Subject: fmt.Sprintf("s%d", n%3), Group: fmt.Sprintf("g%d", n%2),
		Service: "svc", Text: fmt.Sprintf("fact %d", n), Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))}
}

func (w world) append(es ...event.Event) {
	w.Helper()
	w.update(func(ctx context.Context, tx *store.Tx) error {
		for _, e := range es {
			if err := tx.Append(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w world) seqs(q event.Query) []int64 {
	w.Helper()
	es, err := w.db.Events(w.Context(), q)
	w.must(err)
	var out []int64
	for _, e := range es {
		out = append(out, e.Seq)
	}
	return out
}

var eventTests = []exercise{
	{"a fact comes back as it was", func(w world) {
		e := fact("k", 1)
		w.append(e, event.Event{Kind: "bare", At: at(2)})
		got, err := w.db.Events(w.Context(), event.Query{})
		w.must(err)
		e.Seq = 1
		for i := range got { // PostgreSQL writes JSON with spaces
			if got[i].Data != nil {
				var v any
				w.must(json.Unmarshal(got[i].Data, &v))
				got[i].Data, err = json.Marshal(v)
				w.must(err)
			}
		}
		same(w, "facts", got, []event.Event{e, {Seq: 2, Kind: "bare", At: at(2)}})
	}},
	{"facts are numbered in the order of commits, without gaps, also when updates fail between", func(w world) {
		for n := range 3 {
			w.append(fact("k", n), fact("k", n))
			_ = w.db.Update(w.Context(), func(tx *store.Tx) error {
				if err := tx.Append(w.Context(), fact("k", 99)); err != nil {
					return err
				}
				return errWanted
			})
		}
		same(w, "numbers", w.seqs(event.Query{}), []int64{1, 2, 3, 4, 5, 6})
	}},
	{"a query selects by each of its fields and by all", func(w world) {
		for n := 1; n <= 12; n++ {
			w.append(fact([]string{"x", "y", "z"}[n%3], n))
		}
		f := func(what string, q event.Query, want ...int64) {
			w.Helper()
			same(w, what, w.seqs(q), want)
		}
		f("after", event.Query{After: 10}, 11, 12)
		f("group", event.Query{Group: "g0"}, 2, 4, 6, 8, 10, 12)
		f("subject", event.Query{Subject: "s0"}, 3, 6, 9, 12)
		f("one kind", event.Query{Kinds: []string{"x"}}, 3, 6, 9, 12)
		f("two kinds", event.Query{Kinds: []string{"x", "z"}, Limit: 4}, 2, 3, 5, 6)
		f("limit", event.Query{Limit: 2}, 1, 2)
		f("last", event.Query{Last: true, Limit: 2}, 11, 12)
		f("all fields", event.Query{After: 3, Group: "g0", Subject: "s0", Kinds: []string{"x", "y"}, Last: true, Limit: 1}, 12)
		f("nothing", event.Query{After: 12})
	}},
	{"a query without a limit gives the first thousand", func(w world) {
		var es []event.Event
		for n := range 1005 {
			es = append(es, fact("k", n))
		}
		w.append(es...)
		if got := len(w.seqs(event.Query{})); got != 1000 {
			w.Errorf("%d facts, want 1000", got)
		}
	}},
	{"a transaction reads the log as it was before its own facts", func(w world) {
		w.append(fact("k", 1))
		w.update(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Append(ctx, fact("k", 2)); err != nil {
				return err
			}
			es, err := tx.Events(ctx, event.Query{})
			if len(es) != 1 {
				w.Errorf("%d facts inside, want 1", len(es))
			}
			return err
		})
	}},
	{"a cursor starts at nothing and stays where it was put", func(w world) {
		cursor := func() int64 {
			return read(w, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.Cursor(ctx, "page") })
		}
		if c := cursor(); c != 0 {
			w.Errorf("a new cursor is at %d", c)
		}
		for _, n := range []int64{7, 1 << 40} {
			w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveCursor(ctx, "page", n) })
			if c := cursor(); c != n {
				w.Errorf("cursor at %d, want %d", c, n)
			}
		}
	}},
	{"numbers of a sequence rise by one and belong to it alone", func(w world) {
		var got []int64
		w.update(func(ctx context.Context, tx *store.Tx) error {
			for _, name := range []string{"incident", "incident", "other", "incident"} {
				n, err := tx.NextNumber(ctx, name)
				if err != nil {
					return err
				}
				got = append(got, n)
			}
			return nil
		})
		same(w, "numbers", got, []int64{1, 2, 1, 3})
	}},
}
