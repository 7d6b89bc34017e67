package otlp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"nightkeeper/internal/loop/observe"
)

// gate is a sink that takes spans only when it is opened.
type gate struct {
	discard
	open chan struct{}
}

func (g *gate) Spans(context.Context, []observe.Span) (int, string, error) {
	<-g.open
	return 0, "", nil
}

func TestRequestsBeyondTheDecodersWaitAndAreThenToldToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		s, err := New(Config{Sink: g, Decoders: 1})
		must(t, err)
		first := make(chan error, 1)
		go func() {
			_, err := s.export(t.Context(), traces, jsonText, []byte(oneSpan))
			first <- err
		}()
		synctest.Wait()

		began := time.Now()
		_, err = s.export(t.Context(), traces, jsonText, []byte(oneSpan))
		var r *refusal
		if !errors.As(err, &r) || r.grpc != codes.Unavailable || time.Since(began) != slotPatience {
			t.Errorf("got %v after %v", err, time.Since(began))
		}

		close(g.open)
		must(t, <-first)
		if _, err := s.export(t.Context(), traces, jsonText, []byte(oneSpan)); err != nil {
			t.Error(err)
		}
	})
}

func TestBodiesShareOneBudgetOfMemory(t *testing.T) {
	var b budget
	b.left.Store(10)
	if !b.take(6) || b.take(6) {
		t.Error("want the first taken and the second refused")
	}
	b.give(6)
	if !b.take(10) {
		t.Error("what was refused is still missing")
	}
}
